// The camera: opening it, its frames with their true times, and stills of it.

const REFUSALS = {
  NotAllowedError: "The browser was not allowed to use the camera. Allow it in the address bar and try again, or upload files instead.",
  NotFoundError: "No camera was found. Connect one, or upload files instead.",
  NotReadableError: "Another program is using the camera. Close it and try again, or upload files instead.",
  OverconstrainedError: "This camera cannot give a picture that is large enough. Upload files instead.",
};

/** Why the camera cannot be used, in a sentence. */
export class CameraError extends Error {}

/**
 * Show the camera in `video`.
 * @returns {Promise<() => void>} stops it
 * @throws {CameraError}
 */
export async function openCamera(video) {
  if (!navigator.mediaDevices?.getUserMedia) throw new CameraError("A browser opens the camera only over HTTPS or on this machine itself. Upload files instead.");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } },
    });
  } catch (error) {
    throw new CameraError(REFUSALS[error.name] ?? "The camera could not be opened. Upload files instead.");
  }
  video.srcObject = stream;
  await video.play();
  return () => {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
}

/**
 * Call `onFrame(seconds)` for each new frame, from within the moment in which `video` shows it.
 * The time is when the camera took it, where the browser says so; else where it stands in the
 * stream; else when it was shown.
 * @returns {() => void} stops
 */
export function eachFrame(video, onFrame) {
  let stopped = false;
  if (!video.requestVideoFrameCallback) {
    let shown = -1;
    const look = () => {
      if (stopped) return;
      if (video.currentTime !== shown) {
        shown = video.currentTime;
        onFrame(performance.now() / 1e3);
      }
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    return () => { stopped = true; };
  }
  let clock = null; // one for the whole recording: they do not share a zero
  const seen = (now, { captureTime, mediaTime }) => {
    if (stopped) return;
    video.requestVideoFrameCallback(seen);
    const clocks = { capture: captureTime / 1e3, media: mediaTime, now: now / 1e3 };
    clock ??= captureTime > 0 ? "capture" : mediaTime > 0 ? "media" : "now";
    if (Number.isFinite(clocks[clock])) onFrame(clocks[clock]);
  };
  video.requestVideoFrameCallback(seen);
  return () => { stopped = true; };
}

/** The size of a picture whose longer side is at most `longest` pixels. */
export function within(width, height, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  return { width: Math.round(width * scale), height: Math.round(height * scale) };
}

/** Copy what `video` shows now, reduced to `longest` pixels. */
export function snapshot(video, longest = Infinity) {
  const { width, height } = within(video.videoWidth, video.videoHeight, longest);
  if (width === video.videoWidth) return createImageBitmap(video);
  return createImageBitmap(video, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
}
