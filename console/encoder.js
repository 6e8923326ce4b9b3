// A worker: encodes bitmaps as JPEG off the page's own thread, in the order in which they come.
const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext("2d", { alpha: false });
let queue = Promise.resolve();

self.onmessage = ({ data: { id, bitmap, quality } }) => {
  queue = queue.then(async () => {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    self.postMessage({ id, blob: await canvas.convertToBlob({ type: "image/jpeg", quality }) });
  }).catch((error) => self.postMessage({ id, error: error.message }));
};
