"""A teacher that was written down, and whole trainings with it, tiny ones."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

import toy_teachers  # noqa: E402
from toy_faces import faces, write_manifest  # noqa: E402

from models import own  # noqa: E402
from training.building import build  # noqa: E402
from training.distilling import softened, teacher_of  # noqa: E402
from training.errors import TrainingError  # noqa: E402
from training.examples import Example  # noqa: E402
from training.loop import Epoch, Machine, Trainer, read_state  # noqa: E402
from training.networks import NETWORKS  # noqa: E402
from training.pictures import Pictures  # noqa: E402
from training.pipeline import Order, Outcome, train  # noqa: E402
from training.presentations import Presentation  # noqa: E402
from training.recipe import Augmentation, Distillation, Phase, Recipe  # noqa: E402
from training.splits import Splits  # noqa: E402

TINY = Recipe(
    network="mobilenet_v3",
    purpose="drawn pictures",
    crop="whole",
    side=32,
    start="random",
    batch=4,
    augmentation=Augmentation(flip=0.5, rotate_deg=20.0, jitter=0.3),
    distillation=Distillation(temperature=2.0, weight=0.5),
    phases=[Phase(epochs=2, learning_rate=0.002)],
)


def small() -> torch.nn.Module:
    """A network that learns colours in seconds, with dropout for a resumed run to get wrong."""
    nn = torch.nn
    parts = {
        "features": nn.Sequential(nn.Conv2d(3, 8, 5, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1)),
        "flat": nn.Flatten(),
        "dropout": nn.Dropout(0.1),
        "classifier": nn.Linear(8, 1),
    }
    return nn.Sequential(OrderedDict(parts))


def with_two_logits(built: torch.nn.Module, side: int) -> torch.nn.Module:
    built.classifier = torch.nn.Linear(8, 2)
    return built


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for one network of each engine: real ones take minutes to learn anything."""
    one, two = NETWORKS["mobilenet_v3"], NETWORKS["efficientnet_b2"]
    adapted = {one: lambda built, side: built, two: with_two_logits}
    for network in (one, two):
        toy = replace(network, published=small, adapted=adapted[network])
        monkeypatch.setitem(NETWORKS, network.name, toy)


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Order:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    manifest, _ = faces(tmp_path / "faces")
    teacher = toy_teachers.write(tmp_path / "teacher.onnx", side=48)
    machine = Machine("cpu")
    return Order(
        TINY, str(manifest), tmp_path / "run", "toy", machine=machine, teacher=str(teacher)
    )


def done(order: Order, history: list[Epoch] | None = None) -> Outcome:
    def after(epoch: Epoch) -> None:
        if history is not None:
            history.append(epoch)

    outcome = train(order, lambda done, of, what: None, after)
    assert outcome is not None
    return outcome


def test_the_distance_is_that_of_two_softened_softmaxes() -> None:
    student = torch.tensor([0.3, -2.0, 5.0], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor([0.3, 1.5, -30.0], dtype=torch.float64)
    found = softened(student, teacher, 4.0)
    # Hinton et al. with the softmax of two logits, whose difference the log-odds are.
    ours, theirs = (torch.stack([torch.zeros(3), one], 1) / 4 for one in (student, teacher))
    wanted = theirs.softmax(1)
    expected = 16 * (wanted * (theirs.log_softmax(1) - ours.log_softmax(1))).sum(1)
    assert torch.allclose(found, expected)
    assert found[0].item() == pytest.approx(0, abs=1e-12)
    assert (found[1:] > 0).all()
    (slope,) = torch.autograd.grad(found.sum(), student)
    assert torch.allclose(slope, 4 * ((student / 4).sigmoid() - (teacher / 4).sigmoid()))


@pytest.mark.parametrize("network", ["mobilenet_v3", "efficientnet_b2"])
def test_teacher_and_labels_share_the_loss(network: str) -> None:
    recipe = TINY.model_copy(
        update={
            "network": network,
            "miss_weight": 3.0,
            "distillation": Distillation(temperature=2.0, weight=0.25),
        }
    )
    trainer = Trainer(recipe, build(recipe, 0), Splits((), (), ()), seed=0, fabric=None)
    # Log-odds of +1 of a bona fide presentation, about one that is and one that is not.
    one, two = [[-1.0]] * 2, [[0.5, 1.5]] * 2
    answers = torch.tensor(one if network == "mobilenet_v3" else two)
    genuine, taught = torch.tensor([1.0, 0.0]), torch.tensor([3.0, -1.0])
    found = trainer._loss(answers, genuine, taught).tolist()

    def sigmoid(odds: float) -> float:
        return float(1 / (1 + np.exp(-odds)))

    def apart(teacher: float) -> float:
        p, q = sigmoid(teacher / 2), sigmoid(1 / 2)
        return float(4 * (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))))

    assert found == pytest.approx(
        [
            0.75 * -np.log(sigmoid(1)) + 0.25 * apart(3),
            0.75 * 3 * -np.log(sigmoid(-1)) + 0.25 * apart(-1),
        ]
    )


def test_the_teacher_sees_the_same_variation_at_its_own_side(tmp_path: Path) -> None:
    faces(tmp_path)
    example = Example(str(tmp_path / "0_live.png"), True, "", "person0", (0.1, 0.2, 0.8, 0.9), "00")
    presentations = [Presentation((example,)), Presentation((example,) * 4)]
    for at, several in ((0, ()), (1, (4,))):
        pixels, genuine, shown = Pictures(presentations, TINY, 0, 3, TINY.side)[at]
        assert torch.equal(pixels, shown), "at the same side it is the same picture"
        assert genuine == 1
        shown = Pictures(presentations, TINY, 0, 3, 48)[at][2]
        assert shown.shape == (*several, 3, 48, 48)
        alone = Pictures(presentations, TINY.model_copy(update={"side": 48}), 0, 3)[at]
        assert len(alone) == 2
        assert torch.equal(shown, alone[0])


@pytest.mark.parametrize(
    ("network", "form"),
    [
        ("mobilenet_v3", {}),
        ("mobilenet_v3", {"images": 4}),
        ("efficientnet_b2", {"classes": 2, "source": "pixel_values"}),
    ],
)
def test_a_student_follows_its_teacher_against_the_labels(
    network: str, form: dict[str, Any], order: Order, tmp_path: Path
) -> None:
    teacher = toy_teachers.write(tmp_path / "other.onnx", side=24, **form)
    folder = Path(order.manifest).parent
    _, rows = faces(folder)
    wrong = {"live": ("spoof", "print"), "spoof": ("live", "")}
    manifest = write_manifest(folder, [(row[0], *wrong[row[1]], row[3]) for row in rows])
    recipe = TINY.model_copy(
        update={
            "network": network,
            "distillation": Distillation(temperature=2.0, weight=1.0),
            "phases": [Phase(epochs=10, learning_rate=0.01)],
        }
    )
    misled = replace(order, recipe=recipe, manifest=str(manifest), teacher=str(teacher))
    outcome = done(replace(misled, elsewhere={"all": str(manifest)}))
    for row in outcome.rows:
        assert row.auc["all"].value == 0, "by the teacher, all are wrong"
        assert row.auc["all"].n == 16, "one picture of each sort for everybody"
    losses = [epoch.val_loss for epoch in outcome.history]
    assert min(losses) < 0.3 * losses[0], "validation goes by the teacher as well"


def test_a_run_that_was_killed_ends_as_one_that_was_not(order: Order, tmp_path: Path) -> None:
    straight = done(order)
    broken, history = replace(order, folder=tmp_path / "broken"), []

    def kill(epoch: Epoch) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(broken, lambda done, of, what: None, kill)
    assert done(broken, history).history == straight.history
    assert len(history) == 1, "what was done is not done again"
    one, two = (read_state(run.folder / "state.pt")["network"] for run in (order, broken))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_another_teacher_does_not_go_on_in_the_folder(order: Order, tmp_path: Path) -> None:
    done(order)
    other = toy_teachers.write(tmp_path / "other.onnx", side=40)
    for teacher in (str(other), None):
        with pytest.raises(TrainingError, match="with another seed or teacher"):
            done(replace(order, teacher=teacher))


def test_what_each_network_takes_and_is_worth_is_reported(order: Order, tmp_path: Path) -> None:
    alone = replace(order, teacher=None, folder=tmp_path / "alone", name="alone")
    assert done(alone).rows == ()
    assert "tradeoff" not in json.loads((alone.folder / "report.json").read_text())
    assert "Distillation" not in (alone.folder / "card.md").read_text()
    outcome = done(
        replace(order, baseline=alone.folder, elsewhere={"again": order.manifest}, licence="CC0")
    )
    assert [row.role for row in outcome.rows] == ["student", "teacher", "baseline"]
    for row in outcome.rows:
        assert 0 < row.speed.low <= row.speed.median <= row.speed.high
        assert row.auc.keys() == row.eer.keys() == {"test", "again"}
    student, teacher, baseline = outcome.rows
    assert student.sha256 == own.find("toy").card.sha256
    assert student.auc["test"] == outcome.worth.figures["auc"]
    assert student.auc["again"] == outcome.elsewhere["again"].figures["auc"]
    assert baseline.sha256 == own.find("alone").card.sha256
    assert teacher.bytes == (tmp_path / "teacher.onnx").stat().st_size
    assert (teacher.auc["again"].value, teacher.auc["again"].n) == (1, 16)
    report = json.loads((order.folder / "report.json").read_text())
    assert [row["role"] for row in report["tradeoff"]] == ["student", "teacher", "baseline"]
    assert report["tradeoff"][1]["lead"]["test"]["n"] == 2
    card = (order.folder / "card.md").read_text()
    assert "Trained by `palisade distill`." in card
    assert f"`teacher.onnx` (SHA-256 `{teacher.sha256}`)" in card
    assert "temperature of 2, with a weight of 0.5" in card
    assert "| again | AUC | EER |" in card
    assert (order.folder / "tradeoff.png").read_bytes().startswith(b"\x89PNG")


def test_a_baseline_has_to_be_the_same_student_of_the_same_people(
    order: Order, tmp_path: Path
) -> None:
    short = TINY.model_copy(update={"phases": [Phase(epochs=1, learning_rate=0.002)]})
    order = replace(order, recipe=short)
    base = replace(order, teacher=None, folder=tmp_path / "base", name="base")
    compared = replace(order, baseline=base.folder)
    with pytest.raises(TrainingError, match="no report of a finished"):
        done(compared)
    done(base)
    with pytest.raises(TrainingError, match="by another recipe"):
        done(replace(compared, recipe=short.model_copy(update={"batch": 6})))
    with pytest.raises(TrainingError, match="with another seed"):
        done(replace(compared, seed=1))
    taught = replace(order, folder=tmp_path / "taught", name="taught")
    done(taught)
    with pytest.raises(TrainingError, match="or by a teacher"):
        done(replace(compared, baseline=taught.folder))
    own.find("base").path.unlink()
    with pytest.raises(TrainingError, match="base is not in the store any more"):
        done(compared)
    assert not (order.folder / "state.pt").exists(), "all of it is said before the first epoch"


def test_who_cannot_be_taught_is_one_line(order: Order, tmp_path: Path) -> None:
    deepfake = toy_teachers.write(tmp_path / "two.onnx", classes=2, source="pixel_values")
    student = NETWORKS["mobilenet_v3"]
    for named, network, said in (
        (deepfake, student, "two.onnx answers for deepfake and mobilenet_v3 for liveness"),
        (tmp_path / "teacher.onnx", NETWORKS["efficientnet_b2"], "for liveness and efficientnet"),
        (tmp_path / "teacher.onnx", NETWORKS["autoencoder_oneclass"], "by reconstruction"),
        (tmp_path / "nothing.onnx", student, "neither a model of that name"),
    ):
        with pytest.raises(TrainingError, match=said) as refused:
            teacher_of(str(named), network, "toy")
        assert "\n" not in str(refused.value)


def test_a_student_does_not_take_its_teachers_place(order: Order) -> None:
    done(replace(order, teacher=None))
    before = own.find("toy")
    for named in ("toy", str(before.path)):
        with pytest.raises(TrainingError, match="take its teacher's place"):
            done(replace(order, teacher=named, fresh=True))
    assert own.find("toy") == before
