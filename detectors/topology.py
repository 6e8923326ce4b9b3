"""Indices into MediaPipe's face mesh. Right and left are the subject's own.

The numbers are those of the canonical face model (``canonical_face_model.obj`` of
google-ai-edge/mediapipe, Apache-2.0) and of its ``refine_landmarks_from_*`` graphs, which put the
subject's right iris at 468-472 and the left one at 473-477.
"""

from __future__ import annotations

RIGHT_IRIS = range(468, 473)
"""Centre, then the rim towards the right of the image, its top, left and bottom."""

LEFT_IRIS = range(473, 478)

# Corners of the eyes.
RIGHT_EYE_OUTER, RIGHT_EYE_INNER = 33, 133
LEFT_EYE_INNER, LEFT_EYE_OUTER = 362, 263

NOSE_TIP = 4
CHIN = 152
MOUTH_RIGHT, MOUTH_LEFT = 61, 291

RIGHT_EYE_CONTOUR = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE_CONTOUR = (
    *(263, 249, 390, 373, 374, 380, 381, 382, 362),
    *(398, 384, 385, 386, 387, 388, 466),
)
"""Lids in the order of the outline, from the outer corner along the lower lid and back."""

FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""Outline in order, from the top of the forehead by the subject's left ear round the chin."""

FOREHEAD = (69, 108, 151, 337, 299, 296, 336, 9, 107, 66)
RIGHT_CHEEK = (123, 50, 101, 36, 205, 187)
LEFT_CHEEK = (352, 280, 330, 266, 425, 411)
"""Skin away from hair, eyes, nose and mouth, in the order of the outline. The forehead is the band
just above the brows, which a fringe covers last."""

MESH_POINTS = 468
"""Points of the mesh proper; the irises follow them."""

LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
"""Outer outline of the lips, in order."""

INNER_LIP_UPPER, INNER_LIP_LOWER = 13, 14
"""Middle of the inner edge of each lip."""

RIGHT_EYE_ASPECT = (33, 160, 158, 133, 153, 144)
LEFT_EYE_ASPECT = (263, 387, 385, 362, 380, 373)
"""Outer corner, two points of the upper lid inwards, inner corner, the two below them outwards."""

RIGHT_EYE_SOCKET = (226, 31, 228, 229, 230, 231, 232, 233, 244, 190, 56, 28, 27, 29, 30, 247)
LEFT_EYE_SOCKET = (446, 261, 448, 449, 450, 451, 452, 453, 464, 414, 286, 258, 257, 259, 260, 467)
"""Outline of lids and bags in order, from the outer corner below the eye and back above it."""
