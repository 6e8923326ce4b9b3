"""Write attacks on a face: ``python -m evaluation.attacks FACE OUT --count N --seed S``."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from detectors.landmarks import MeshLandmarker
from evaluation.attacks import BONA_FIDE, CLIPS, OF_ONE_FRAME, STILLS
from evaluation.attacks.contracts import Recording
from evaluation.attacks.files import jpeg, mp4
from evaluation.errors import EvaluationError
from media.clips import Frame, read_clip
from media.errors import MediaError
from media.images import decode_image
from offline.manifest import REQUIRED
from terminal import err, progress

GENUINE = "bona_fide"


def main(
    face: Annotated[Path, typer.Argument(help="A picture or a clip of a live face.")],
    out: Annotated[Path, typer.Argument(help="Folder to write to; made if missing.")],
    count: Annotated[int, typer.Option(min=1, help="How many of each species.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the first; the next has one more.")] = 0,
    species: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join((*STILLS, *CLIPS))}; repeat for more. All if none."),
    ] = None,
) -> None:
    """Make attacks from a bona fide face.

    OUT gets pictures with manifest.csv, for `palisade evaluate pad`, and clips with clips.csv. From
    a picture come the clips that one frame is enough for. The same arguments write the same files.
    """
    try:
        written = write(face, out, tuple(species or (*STILLS, *CLIPS)), range(seed, seed + count))
    except (EvaluationError, MediaError, OSError) as error:
        err.print(f"{face}: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    err.print(f"{written} pictures and clips in {out}")


def write(face: Path, out: Path, species: Sequence[str], seeds: Sequence[int]) -> int:
    """Write attacks and the bona fide face that they are made from.

    Args:
        face: a picture or a clip.
        out: the folder; made if missing.
        species: names of what is made.
        seeds: one of each species is made with each.

    Returns:
        How many pictures and clips were written.

    Raises:
        EvaluationError: there is no such species, no face, or OUT is not empty.
        MediaError: the file cannot be decoded.
        OSError: a file cannot be read or written.
    """
    if unknown := [name for name in species if name not in STILLS and name not in CLIPS]:
        raise EvaluationError(
            f"there is no species {unknown[0]!r}; there are {', '.join((*STILLS, *CLIPS))}"
        )
    if out.exists() and any(out.iterdir()):
        raise EvaluationError(f"{out} is not empty; name another folder")
    recording = _recording(face)
    if len(recording.frames) == 1:
        species = [name for name in species if name in STILLS or name in OF_ONE_FRAME]
    out.mkdir(parents=True, exist_ok=True)
    pictures: list[dict[str, str]] = []
    clips: list[dict[str, str]] = []
    with progress("Making") as update:
        for at, (name, label, kind, file) in enumerate(_made(recording, species, seeds)):
            update(at + 1, len(seeds) * (1 + len(species)), name)
            (out / name).write_bytes(file)
            row = {"path": name, "label": label, "kind": kind, "subject": face.stem}
            (clips if name.endswith(".mp4") else pictures).append(row)
    for name, rows in (("manifest.csv", pictures), ("clips.csv", clips)):
        with (out / name).open("w", encoding="utf-8", newline="") as file_:
            writer = csv.DictWriter(file_, REQUIRED, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return len(pictures) + len(clips)


def _made(
    recording: Recording, species: Sequence[str], seeds: Sequence[int]
) -> Iterator[tuple[str, str, str, bytes]]:
    """Yield name, label, kind and bytes of each file."""
    portrait = recording.portrait
    for seed in seeds:
        yield f"{seed:04d}-{GENUINE}.jpg", GENUINE, "live", jpeg(BONA_FIDE(portrait, seed))
        for name in species:
            if name in STILLS:
                yield f"{seed:04d}-{name}.jpg", "attack", name, jpeg(STILLS[name](portrait, seed))
            else:
                clip = mp4(CLIPS[name](recording, seed))
                yield f"{seed:04d}-{name}.mp4", "attack", name, clip
    if len(recording.frames) > 1:
        yield f"{GENUINE}.mp4", GENUINE, "live", mp4(recording.frames)


def _recording(face: Path) -> Recording:
    """Read a picture, as a clip of one frame, or a clip."""
    data = face.read_bytes()
    try:
        frames: tuple[Frame, ...] = (Frame(0.0, decode_image(data).pixels),)
    except MediaError as no_picture:
        try:
            frames = tuple(read_clip(data))
        except MediaError:
            raise no_picture from None
    found = MeshLandmarker(max_faces=1).find(frames[0].pixels)
    if not found:
        raise EvaluationError("there is no face in it")
    return Recording(frames, found[0].landmarks[:, :2])


if __name__ == "__main__":
    typer.run(main)
