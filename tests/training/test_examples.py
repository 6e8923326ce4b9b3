from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from toy_faces import faces, write_manifest

from training.crops import cut_out, cutter, resized
from training.errors import TrainingError
from training.examples import Looked, look

WHOLE = cutter("whole")


def looked(manifest: Path, most_unreadable: float = 0.0) -> Looked:
    return look(str(manifest), WHOLE, most_unreadable, lambda done, of: None)


def test_rows_become_examples_with_their_digests(tmp_path: Path) -> None:
    manifest, rows = faces(tmp_path, 2)
    found = looked(manifest)
    assert [(one.genuine, one.kind, one.subject) for one in found.examples] == [
        (label == "live", kind, subject) for _, label, kind, subject in rows
    ]
    first = found.examples[0]
    assert first.sha256 == hashlib.sha256((tmp_path / rows[0][0]).read_bytes()).hexdigest()
    assert first.box == (0, 0, 1, 1)


def test_pictures_that_cannot_be_read_are_counted_and_left_out(tmp_path: Path) -> None:
    manifest, rows = faces(tmp_path, 4)
    (tmp_path / rows[0][0]).write_bytes(b"no picture")
    (tmp_path / rows[1][0]).unlink()
    found = looked(manifest, most_unreadable=0.25)
    assert len(found.examples) == 6
    assert sum(found.unreadable.values()) == 2
    assert found.unreadable["file-missing"] == 1
    with pytest.raises(TrainingError, match=r"2 of 8 pictures cannot be read .*over 20%"):
        looked(manifest, most_unreadable=0.2)


@pytest.mark.parametrize(("label", "lacking"), [("live", "attack"), ("spoof", "bona fide")])
def test_one_class_alone_is_refused(label: str, lacking: str, tmp_path: Path) -> None:
    _, rows = faces(tmp_path, 3)
    with pytest.raises(TrainingError, match=f"there is no {lacking}"):
        looked(write_manifest(tmp_path, [row for row in rows if row[1] == label]))


def test_pictures_without_a_face_are_left_out(tmp_path: Path) -> None:
    manifest, _ = faces(tmp_path, 2)
    with pytest.raises(TrainingError, match=r"0 of 4 pictures can be used \(4 have no face"):
        look(str(manifest), lambda pixels: None, 0.0, lambda done, of: None)


def test_a_face_is_cut_out_as_the_detector_will(astronaut: NDArray[np.uint8]) -> None:
    from detectors.face import FaceLocator
    from detectors.liveness import mesh_box
    from detectors.minifasnet import inside

    box = cutter("liveness")(astronaut)
    assert box is not None
    locator = FaceLocator()
    locator.load()
    bundle = locator.locate(astronaut).bundle
    assert bundle is not None
    served = inside(bundle.frame, mesh_box(bundle), 1.0)
    np.testing.assert_array_equal(cut_out(bundle.frame, box), served)
    assert cutter("liveness")(np.full((200, 200, 3), 90, np.uint8)) is None


def turned(folder: Path, picture: NDArray[np.uint8], turns: int) -> Path:
    """A manifest of four pictures, of which the second is turned by so many quarters."""
    rows = []
    for number, label in enumerate(("live", "spoof", "live", "spoof")):
        name = f"{number}.png"
        PIL.Image.fromarray(np.rot90(picture, turns * (number == 1))).save(folder / name)
        rows.append((name, label, "", ""))
    return write_manifest(folder, rows)


@pytest.mark.parametrize(
    "turns",
    # The landmarks in the wheel fit a face that stands on its head as if it did not.
    [1, 3, pytest.param(2, marks=pytest.mark.weights)],
)
def test_pictures_that_do_not_stand_are_left_out_or_turned(
    turns: int, tmp_path: Path, astronaut: NDArray[np.uint8], request: pytest.FixtureRequest
) -> None:
    if turns == 2:
        request.getfixturevalue("models_dir")
    manifest = str(turned(tmp_path, astronaut, turns))
    cut = cutter("liveness")
    left = look(manifest, cut, 0.0, lambda done, of: None)
    assert ([one.turns for one in left.examples], left.outliers) == ([0, 0, 0], 1)
    kept = look(manifest, cut, 0.0, lambda done, of: None, "turn")
    assert ([one.turns for one in kept.examples], kept.outliers) == ([0, 4 - turns, 0, 0], 1)
    assert len({one.box for one in kept.examples}) == 1, "the same crop once it stands"


def test_a_crop_is_resized_as_the_detectors_do(astronaut: NDArray[np.uint8]) -> None:
    from detectors.deepfake import prepared
    from detectors.pixels import imagenet

    fine = resized(astronaut, 260, "deepfake")
    served = imagenet(fine.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(served, prepared(astronaut))
    assert resized(astronaut, 224, "liveness").shape == (224, 224, 3)
    assert PIL.Image.fromarray(fine).size == (260, 260)
