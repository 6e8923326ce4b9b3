// What the record's words mean, for people. A word that is not here is shown as it is.

const SIGNALS = {
  eye_specular: ["Eye reflections", "highlights of the same light in both eyes"],
  blendshapes: ["Facial expression", "muscles that move as those of a living face do"],
  gan_texture: ["Skin texture", "traces that image generators leave in fine detail"],
  depth: ["Depth", "relief of the face against a flat print or screen"],
  rppg: ["Pulse", "the colour of the skin following a heartbeat"],
  parallax: ["Head turn", "near parts moving more than far ones, which a flat print cannot do"],
  recapture: ["Print or screen", "colours, grids and edges that a picture of a picture has"],
  liveness: ["Liveness model", "a trained model's opinion on live or spoofed"],
  deepfake: ["Deepfake model", "a trained model's opinion on real or manipulated"],
  document_moire: ["Document: screen pattern", "interference between a screen's pixels and the camera's"],
  document_ela: ["Document: compression", "parts that were compressed differently from the rest"],
  document_exif: ["Document: metadata", "what the file says about camera, software and time"],
  document_noise: ["Document: noise", "parts whose grain is another camera's"],
  document_barcode: ["Document: barcode", "what its barcode says"],
  document_mrz: ["Document: machine-readable zone", "what its machine-readable lines say"],
};

const STATUSES = {
  ok: "measured",
  unavailable: "unavailable",
  withheld: "withheld",
  abstained: "abstained",
  error: "failed",
  late: "late",
  overloaded: "overloaded",
};

const STATUS_MEANINGS = {
  unavailable: "No model on the server, or nothing of the kind in this capture.",
  withheld: "It was asked for and did not come.",
  abstained: "It looked and cannot judge.",
  error: "The detector failed; the others went on.",
  late: "The time was up before it was done.",
  overloaded: "Too much was waiting for it.",
};

const WORDS = {
  // the session
  below_threshold: "The score is below the threshold.",
  quorum_not_met: "Too few signals could be measured.",
  coverage_below_minimum: "Too little of the evidence that the policy asks for was there.",
  required_signal_missing: "A signal without which the policy accepts nobody was not there.",
  decisive_signal_lost: "A signal that could have changed the outcome was lost to a fault.",
  // the face
  no_face: "No face was found in the picture.",
  face_too_small: "The face is too small in the picture.",
  several_faces: "There is more than one face; the largest was taken.",
  no_face_in_clip: "No face was found in the video.",
  clip_frozen: "The video shows one picture again and again.",
  clip_looped: "The video repeats itself to the last bit, as no camera does.",
  // quality
  low_brightness: "The picture is too dark.",
  high_brightness: "The picture is too bright.",
  blur: "The picture is not sharp.",
  face_too_close: "The face is too close to the camera.",
  low_resolution: "There are too few pixels on the face.",
  head_turned: "The head is turned to the side.",
  head_nodded: "The head is turned up or down.",
  head_tilted: "The head is tilted.",
  eyes_covered: "The eyes are covered.",
  eye_covered: "One eye is covered.",
  eyes_closed: "The eyes are closed.",
  mouth_open: "The mouth is open.",
  face_blurry: "The face is not sharp.",
  face_dark: "The face is too dark.",
  face_bright: "The face is too bright.",
  uneven_light: "One side of the face is much darker than the other.",
  face_at_edge: "The face touches the edge of the picture.",
  compressed: "The picture was compressed too much.",
  // signals
  no_clip: "There was no video.",
  no_blendshape_model: "The server has no model of facial expression.",
  no_texture: "There is no detail to look at.",
  face_too_small_for_texture: "The face is too small for its texture to be judged.",
  fingerprint_not_judged: "The face is too small or too blurred to look for traces of a generator.",
  too_small_for_moire: "The picture is too small for this check.",
  grid_of_pixels: "There is a regular grid in the picture, such as that of a screen.",
  still_face: "The face did not move against what is behind it.",
  no_tracks: "Nothing could be followed through the video.",
  insufficient_motion: "The head hardly turned.",
  no_depth_in_frame: "The picture has no depth to compare with.",
  flat_face: "The face looks flat.",
  still_face: "Nothing in the face moved by itself during the video.",
  dead_blendshapes: "The face hardly moves.",
  high_frequency: "Fine detail is stronger than a camera's.",
  no_clear_pulse: "No clear pulse was seen. That alone is no attack.",
  pulse_in_background: "What looks like a pulse is in the background as well: it comes from the light or the camera.",
  odd_pulse_rate: "The rate is outside what a resting heart does.",
  no_colour_change: "The colour of the skin did not change at all.",
  skin_not_visible: "Too little skin was visible.",
  clip_too_short: "The video is too short.",
  gap_in_clip: "The video has gaps.",
  frame_rate_too_low: "The video has too few frames a second.",
  too_much_motion: "The face moved too much.",
  iris_hidden: "The irises are hidden.",
  glare_beside_eyes: "Something shines beside the eyes, such as glasses.",
  no_highlight: "The eyes mirror no light.",
  iris_too_small: "The irises are too small in the picture.",
  weights_missing: "The model's file is not on the server.",
  weights_mismatch: "The model's file on the server is not the one that it should be.",
  weights_unreadable: "The model's file on the server is damaged.",
  weights_interface: "The model on the server is of another kind.",
  crop_too_tight: "There is too little room around the face.",
  // the document
  no_document: "No document came.",
  document_withheld: "The document was asked for and did not come.",
  document_below_threshold: "The document's score is below its threshold.",
  document_coverage_below_minimum: "Too little of the document could be checked.",
  document_unreadable: "Nothing on it could be read; it may be no document.",
  decisive_check_lost: "A check that could have changed the outcome was lost to a fault.",
  not_a_jpeg: "Only a JPEG has the traces that this looks for.",
  coding_unsupported: "It is a JPEG of a kind that this check does not read.",
  page_too_small: "The picture is too small.",
  quality_too_low: "It was compressed too much.",
  no_metadata: "The file has no metadata.",
  no_metadata_in_this_channel: "A browser takes metadata away, so nothing follows from that.",
  no_barcode: "No barcode was found.",
  no_mrz: "No machine-readable lines were found.",
  barcode_without_fields: "The barcode has no fields of a document.",
  barcode_too_long: "The barcode holds more than a document's would.",
  barcodes_disagree: "Two barcodes on it do not say the same.",
  mrz_layout_unknown: "The machine-readable lines have an unknown layout.",
  names_truncated: "Names are cut off.",
  surname_truncated: "The surname is cut off.",
  given_names_truncated: "The given names are cut off.",
  editor_tags: "An editing program left its name.",
  generator_tags: "An image generator left its name.",
  injector_tags: "A tool that feeds pictures into cameras left its name.",
  metadata_editor_tags: "A program for changing metadata left its name.",
  screenshot_tags: "It says it is a screenshot.",
  scanner_tags: "It came from a scanner.",
  edit_events: "Its history lists edits.",
  foreign_part: "A part of it was compressed differently: it may be pasted.",
  thumbnail_differs: "The small preview inside shows something else.",
  unusual_dimensions: "The size is not one that cameras produce.",
  resized_after_capture: "It was resized after it was taken.",
  cropped_after_capture: "It was cropped after it was taken.",
  modified_after_capture: "It was saved again after it was taken.",
  modified_before_capture: "It says it was changed before it was taken.",
  taken_in_the_future: "It says it was taken in the future.",
  taken_before_the_camera: "It says it was taken before that camera was sold.",
  malformed_metadata: "Its metadata is broken.",
};

const PREFIXED = {
  veto: (name) => `${signalName(name)} fell below its own limit, which no other signal makes up for.`,
  document_veto: (name) => `${signalName(`document_${name}`)} fell below its own limit.`,
  document_mismatch: (field) => `The sides of the document differ on: ${plain(field)}.`,
};

// The components of the quality gate's score.
const COMPONENTS = {
  face: "a face",
  face_size: "size of the face",
  resolution: "pixels on the face",
  faces: "one face only",
  margin: "room around the face",
  yaw: "turned to the camera",
  pitch: "not up or down",
  roll: "upright",
  eyes: "eyes uncovered",
  each_eye: "each eye uncovered",
  eyes_open: "eyes open",
  mouth: "mouth closed",
  sharpness: "sharpness of the face",
  shadows: "no dark parts",
  highlights: "no bright parts",
  evenness: "even light",
  blur: "sharpness",
};

// What an applicant can do about it.
const HINTS = {
  no_face: "Put your face in the oval",
  face_too_small: "Move closer",
  low_resolution: "Move closer",
  face_too_close: "Move back a little",
  several_faces: "Only one person, please",
  low_brightness: "More light on your face",
  face_dark: "More light on your face",
  high_brightness: "Less light: turn away from the lamp or the sun",
  face_bright: "Less light on your face",
  uneven_light: "Turn so that the light is even on both sides",
  blur: "Hold still, and wipe the lens",
  face_blurry: "Hold still, and wipe the lens",
  head_turned: "Look straight at the camera",
  head_nodded: "Hold your head level",
  head_tilted: "Hold your head upright",
  eyes_covered: "Take off sunglasses, keep hair off your eyes",
  eye_covered: "Keep both eyes free",
  eyes_closed: "Open your eyes",
  mouth_open: "Close your mouth, look relaxed",
  face_at_edge: "Move to the middle",
  compressed: "Use the camera's original picture",
};

// What an applicant is told, who is told no more.
const COARSE = {
  try_again_better_capture: "The picture was not good enough. Try again in better light, facing the camera.",
  document_problem: "The document could not be confirmed. Photograph it again, flat, sharp and without reflections.",
  cannot_be_verified: "You could not be verified automatically. A person will look at it.",
};

/** Make `given_names` readable. */
export const plain = (word) => word.replaceAll("_", " ");

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export const signalName = (name) => SIGNALS[name]?.[0] ?? capital(plain(name));
export const signalAbout = (name) => SIGNALS[name]?.[1] ?? "";
export const checkName = (name) => signalName(`document_${name}`).replace(/^Document: /, "").replace(/^./, (c) => c.toUpperCase());
export const checkAbout = (name) => signalAbout(`document_${name}`);
export const componentName = (name) => COMPONENTS[name] ?? plain(name);
export const statusName = (status) => STATUSES[status] ?? plain(status);
export const statusMeaning = (status) => STATUS_MEANINGS[status] ?? "";

/** Explain a word of the record; an unknown one is itself. */
export function explain(word) {
  if (WORDS[word]) return WORDS[word];
  const [prefix, rest] = word.split(":");
  if (rest && PREFIXED[prefix]) return PREFIXED[prefix](rest);
  return STATUS_MEANINGS[word] ?? COARSE[word] ?? word;
}

/** Say what to do about a word of the quality gate; an unknown one is explained. */
export const advice = (word) => HINTS[word] ?? explain(word);
