from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from detectors.contracts import BLENDSHAPES
from detectors.distilled import SEEN, features, read, shipped
from detectors.expression import BLENDSHAPE_NAMES
from training.blendshapes import BATCH, Lesson, Teacher, exampled, fit, portraits
from training.errors import TrainingError
from training.shapes import SEEN_AT

ROOT = Path(__file__).parents[2]
CARD = ROOT / "models" / "cards" / "blendshapes.md"
EXAMPLES = Path(__file__).with_name("blendshapes.npz")

PUBLISHED = 0.0103
"""Mean absolute error on portraits held out."""

MOVED = ("eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthSmileLeft", "mouthSmileRight")


def lesson(count: int = 2 * BATCH, seed: int = 0) -> Lesson:
    """Faces that are noise, and answers linear in the log-odds."""
    rng = np.random.default_rng(seed)
    inputs = features(rng.normal(size=(count, len(SEEN), 2)).astype(np.float32))
    slopes = np.random.default_rng(7).normal(size=(inputs.shape[1], BLENDSHAPES))
    answers = 1 / (1 + np.exp(-inputs @ slopes / 5))
    return Lesson(inputs, answers.astype(np.float32))


def examples() -> Lesson:
    with np.load(EXAMPLES, allow_pickle=False) as kept:
        return Lesson(kept["inputs"].astype(np.float32), kept["answers"])


def test_the_figure_of_the_card_is_reproduced() -> None:
    """Of faces held out, made of CC0 portraits, with the teacher's answers beside them."""
    asked, network = examples(), shipped()
    assert len(asked.inputs) == 128
    assert f"{asked.off(network):.4f} on the {len(asked.inputs)} examples" in CARD.read_text()
    said = network.answers(asked.inputs)
    for name in MOVED:
        column = BLENDSHAPE_NAMES.index(name)
        together = np.corrcoef(said[:, column], asked.answers[:, column])[0, 1]
        assert together > 0.9, name
    assert asked.off(network) < 0.2 * asked.flat


def test_the_card_names_the_file_that_ships() -> None:
    assert str(shipped().sha256) in CARD.read_text()


def test_errors_are_means_over_faces_and_coefficients() -> None:
    asked = examples()
    answers = np.zeros_like(asked.answers)
    answers[::2] = 1.0
    halves = Lesson(asked.inputs, answers)
    assert halves.flat == pytest.approx(0.5)
    assert Lesson(asked.inputs, shipped().answers(asked.inputs)).off(shipped()) == 0.0


def test_what_hardly_ever_works_is_named() -> None:
    answers = np.full((1000, BLENDSHAPES), 0.9, np.float32)
    answers[9:, BLENDSHAPE_NAMES.index("jawOpen")] = 0.1
    answers[10:, BLENDSHAPE_NAMES.index("mouthPucker")] = 0.1
    assert Lesson(np.zeros((1000, 2 * len(SEEN)), np.float32), answers).idle == ["jawOpen"]


def test_a_student_learns_and_the_same_seed_gives_the_same_file() -> None:
    pytest.importorskip("torch")
    taught, unseen = lesson(4 * BATCH), lesson(seed=1)
    content = fit(taught, (), 100, 0)
    assert fit(taught, (), 100, 0) == content
    student = read(content)
    assert unseen.off(student) < 0.5 * unseen.flat
    assert [weight.shape for weight in student.weights] == [(2 * len(SEEN), BLENDSHAPES)]
    deep = read(fit(taught, (8, 4), 1, 0))
    assert [weight.shape[1] for weight in deep.weights] == [8, 4, BLENDSHAPES]


def test_examples_hold_what_the_teacher_says_of_just_those() -> None:
    asked: list[np.ndarray] = []

    def teacher(points: np.ndarray) -> np.ndarray:
        asked.append(points)
        return np.full((len(points), BLENDSHAPES), 0.25, np.float32)

    held = lesson(4)
    content = exampled(held, lesson(200), teacher)  # type: ignore[arg-type]
    with np.load(io.BytesIO(content)) as kept:
        assert kept["inputs"].shape == (128, 2 * len(SEEN))
        np.testing.assert_allclose(kept["inputs"][:4], held.inputs, atol=2e-3)
        np.testing.assert_array_equal(asked[0].reshape(128, -1), kept["inputs"])
        assert (kept["answers"] == 0.25).all()


def test_a_folder_without_portraits_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="0 portraits with a face; at least 20 are needed"):
        portraits(tmp_path, 0)


def test_without_the_teacher_it_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    out = tmp_path / "blendshapes.npz"
    ran = subprocess.run(
        [sys.executable, "-m", "training.blendshapes", str(tmp_path), "--out", str(out)],
        cwd=ROOT,
        env={"PATH": "", "HOME": str(tmp_path), "PALISADE_MODELS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "palisade models fetch face_landmarker" in ran.stderr.strip().splitlines()[-1]
    assert "Traceback" not in ran.stderr
    assert not out.exists()


@pytest.mark.data
@pytest.mark.weights
def test_portraits_held_out_give_the_figure_of_the_card(data_dir: Path, models_dir: Path) -> None:
    learnt, held = portraits(data_dir, 0)
    assert not learnt.keys() & held.keys()
    assert (len(learnt), len(held)) == (63, 16)
    teacher = Teacher(models_dir / "face_landmarker.task")
    asked = teacher.about(np.array(list(held.values()))[:, SEEN_AT, :2])
    assert asked.off(shipped()) == pytest.approx(PUBLISHED, abs=3e-4)
    assert f"| portraits held out | 16 | {PUBLISHED} " in CARD.read_text()
