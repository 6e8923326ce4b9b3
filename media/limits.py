"""How large an upload may be, and what a client is told when it is not."""

from __future__ import annotations

from dataclasses import dataclass

from media.errors import MediaError


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """How large an image may be.

    Attributes:
        max_bytes: length of the file.
        max_megapixels: width × height / 10⁶, as the header states it.
        min_side: pixels of the shorter side.
    """

    max_bytes: int = 10 * 2**20
    max_megapixels: float = 25.0
    min_side: int = 64

    def check_bytes(self, size: int) -> None:
        """Refuse a file of too many bytes."""
        if size > self.max_bytes:
            raise MediaError(
                "image-too-large",
                f"The image has {size} bytes, the limit is {self.max_bytes}; send fewer.",
            )

    def check_pixels(self, width: int, height: int) -> None:
        """Refuse an image that its header says is too large or too small."""
        if width * height > self.max_megapixels * 1e6:
            raise MediaError(
                "image-too-many-pixels",
                f"The image says it is {width} by {height} pixels, the limit is "
                f"{self.max_megapixels:g} megapixels; send a smaller one.",
            )
        if min(width, height) < self.min_side:
            raise MediaError(
                "image-too-small",
                f"The image says it is {width} by {height} pixels, each side needs "
                f"{self.min_side}; send a larger one.",
            )


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """How large a clip may be.

    Attributes:
        max_bytes: length of the file, or of all still frames together.
        max_seconds: from the first frame to the last.
        max_megapixels: width × height / 10⁶ of one frame; the default just holds 1080p.
        max_frames: frames in the clip.
        min_side: pixels of the shorter side of a frame.
        wall_seconds: how long the caller waits for the decoder in all; its own time between two
            frames does not count.
    """

    max_bytes: int = 50 * 2**20
    max_seconds: float = 30.0
    max_megapixels: float = 2.1
    max_frames: int = 900
    min_side: int = 64
    wall_seconds: float = 20.0

    def check_bytes(self, size: int) -> None:
        """Refuse a file, or stills, of too many bytes."""
        if size > self.max_bytes:
            raise MediaError(
                "clip-too-large",
                f"The clip has {size} bytes, the limit is {self.max_bytes}; send a shorter one.",
            )

    def check_frames(self, count: int) -> None:
        """Refuse too many frames."""
        if count > self.max_frames:
            raise MediaError(
                "clip-too-many-frames",
                f"The clip has more than {self.max_frames} frames; send a shorter one or record "
                "fewer frames a second.",
            )

    def check_seconds(self, seconds: float) -> None:
        """Refuse a clip that lasts too long."""
        if seconds > self.max_seconds:
            raise MediaError(
                "clip-too-long",
                f"The clip lasts {seconds:.1f} seconds, the limit is {self.max_seconds:g}; send a "
                "shorter one.",
            )

    def check_pixels(self, width: int, height: int) -> None:
        """Refuse frames that are too large or too small."""
        if width * height > self.max_megapixels * 1e6:
            raise MediaError(
                "clip-too-many-pixels",
                f"The clip's frames are {width} by {height} pixels, the limit is "
                f"{self.max_megapixels:g} megapixels; record at a lower resolution.",
            )
        if min(width, height) < self.min_side:
            raise MediaError(
                "clip-too-small",
                f"The clip's frames are {width} by {height} pixels, each side needs "
                f"{self.min_side}; record at a higher resolution.",
            )


IMAGE_LIMITS = ImageLimits()
CLIP_LIMITS = ClipLimits()
