"""Whole trainings, tiny ones: pictures that anything can tell apart, 32 pixels a side."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from toy_faces import faces, write_manifest  # noqa: E402

from evaluation.metrics import curve  # noqa: E402
from models import onnx, own  # noqa: E402
from models.errors import ExportError  # noqa: E402
from training import keeping  # noqa: E402
from training.building import build  # noqa: E402
from training.errors import TrainingError  # noqa: E402
from training.examples import LOOKED  # noqa: E402
from training.loop import Epoch, Machine, Trainer, fabric_on, read_state  # noqa: E402
from training.networks import NETWORKS  # noqa: E402
from training.pictures import Pictures  # noqa: E402
from training.pipeline import Order, train  # noqa: E402
from training.presentations import presented  # noqa: E402
from training.recipe import Augmentation, Phase, Recipe  # noqa: E402
from training.splits import Splits  # noqa: E402

TINY = Recipe(
    network="mobilenet_v3",
    purpose="drawn pictures",
    crop="whole",
    side=32,
    start="random",
    batch=4,
    augmentation=Augmentation(flip=0.5, rotate_deg=5.0, jitter=0.1),
    phases=[Phase(epochs=3, learning_rate=0.002)],
)


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Order:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    manifest, _ = faces(tmp_path / "faces")
    machine = Machine("cpu")
    return Order(TINY, str(manifest), tmp_path / "run", "toy", machine=machine, licence="CC0")


def silent(done: float, of: float, what: str) -> None:
    """Tell nobody about the progress."""


def quietly(order: Order, after: Callable[[Epoch], None] = lambda epoch: None) -> list[Epoch]:
    outcome = train(order, silent, after)
    assert outcome is not None
    return outcome.history


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = read_state(folder / "state.pt")["network"]
    return state


def test_a_run_leaves_a_model_its_figures_and_its_card(order: Order) -> None:
    history = quietly(order)
    found = {path.name for path in order.folder.iterdir()}
    assert found == {
        *("best.pt", "state.pt", "looked.json", "report.json", "card.md"),
        *("curves.png", "det.png"),
    }
    report = json.loads((order.folder / "report.json").read_text())
    assert report["pictures"] == {"train": 12, "validation": 2, "test": 2}
    assert len(report["epochs"]) == len(history) == 3
    assert report["headline"].keys() >= {"auc", "apcer", "bpcer", "apcer_chosen"}
    assert report["worth"]["missed"].keys() == {"print"}
    card = (order.folder / "card.md").read_text()
    assert "Terms: CC0." in card
    assert "[" in card, "figures have intervals"
    assert "person" not in card + json.dumps(report), "subjects are named nowhere but in looked"
    made = own.find("toy")
    assert made.card.parity <= 1e-4
    # What the store has answers as the best weights do.
    network = build(TINY, 0)
    network.load_state_dict(read_state(order.folder / "best.pt")["model_state_dict"])
    pixels = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = network.eval()(pixels).numpy()
    (answer,) = onnx.session(made.path).run(["logit"], {"input": pixels.numpy()})
    np.testing.assert_allclose(answer, expected, atol=1e-4)


def test_a_run_that_was_killed_ends_as_one_that_was_not(order: Order, tmp_path: Path) -> None:
    straight = quietly(order)
    broken = replace(order, folder=tmp_path / "broken")
    seen = []

    def kill(epoch: Epoch) -> None:
        seen.append(epoch)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quietly(broken, kill)
    after = []
    assert quietly(broken, after.append) == straight
    assert len(after) == 1, "what was done is not done again"
    one, two = weights(order.folder), weights(broken.folder)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_another_recipe_does_not_go_on_in_the_folder(order: Order) -> None:
    quietly(replace(order, recipe=short(TINY)))
    other = replace(order, recipe=short(TINY).model_copy(update={"batch": 6}))
    with pytest.raises(TrainingError, match="of another recipe, of other data or with another"):
        quietly(other)
    assert len(quietly(replace(other, fresh=True))) == 1


def test_a_full_disk_keeps_the_epoch_before(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync, calls = keeping.os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 3:  # looked.json, and both files of the first epoch
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(keeping.os, "fsync", full)
    with pytest.raises(TrainingError, match="No space left on device"):
        quietly(order)
    assert len(read_state(order.folder / "state.pt")["history"]) == 1
    assert not (order.folder.parent / "store").exists()


def test_a_damaged_state_is_one_line(order: Order) -> None:
    order.folder.mkdir()
    (order.folder / "state.pt").write_bytes(b"half of it")
    with pytest.raises(TrainingError, match="is damaged"):
        quietly(order)


def weights_that_saw_noise(network: str, path: Path) -> None:
    """Write what stands for published weights: random ones whose normalisations know their input.

    Freshly made, these expect a variance that nothing has, and every answer is the same.
    """
    torch.manual_seed(0)
    built = NETWORKS[network].published()
    for part in built.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = None
        for last in ("bn2", "bn3"):  # of a ResNet's blocks: or random residuals add up to hundreds
            if hasattr(part, last) and hasattr(part, "downsample"):
                torch.nn.init.zeros_(getattr(part, last).weight)
    with torch.no_grad():
        built.train()(torch.randn(4, 3, 64, 64))
    torch.save(built.state_dict(), path)


@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_every_network_learns_and_is_exported(network: str, order: Order, tmp_path: Path) -> None:
    start = str(tmp_path / "start.pt")
    # 343 MB of ViT-B/16 are written often enough, and it has no normalisation that has to be known.
    if NETWORKS[network].weights is None or network == "vit_mean":
        start = "random"
    else:
        weights_that_saw_noise(network, Path(start))
    # An auto-encoder starts from nothing, and has to learn as well.
    head = network != "mobilenet_v3" and not network.startswith("autoencoder")
    epochs = 8 if network.startswith("autoencoder") else 1 if network == "vit_mean" else 3
    rate = 0.01 if network == "vit_mean" else 0.002
    phase = Phase(epochs=epochs, learning_rate=rate, trains="head" if head else "all")
    recipe = TINY.model_copy(
        update={
            "network": network,
            "start": start,
            "augmentation": Augmentation(flip=0.0),
            "phases": [phase],
        }
    )
    outcome = train(replace(order, recipe=recipe), silent, lambda epoch: None)
    assert outcome is not None
    untrained, trained = build(recipe, 0), build(recipe, 0)
    trained.load_state_dict(read_state(order.folder / "best.pt")["model_state_dict"])
    examples = outcome.splits.train
    genuine = np.array([one.genuine for one in examples])
    sides = np.where(genuine, 1, -1)
    losses, answers = [], []
    for one in (untrained, trained):
        asked = Trainer(recipe, one, outcome.splits, seed=0, fabric=fabric_on(Machine("cpu")))
        answers.append(asked.log_odds(examples, silent))
        losses.append(np.logaddexp(0, -sides * answers[-1]).mean())
    assert losses[1] < 0.7 * losses[0], "the loss falls"
    assert curve(answers[1], genuine).auc == 1, "the classes are told apart"
    before, after = untrained.state_dict(), trained.state_dict()
    changed = {name for name, value in after.items() if not value.equal(before[name])}
    if head:
        parts = {name.partition(".")[0] for name in changed}
        assert parts == {NETWORKS[network].head}, "the rest is frozen"
    else:
        assert next(iter(before)) in changed, "all of it"
    (source,) = onnx.session(own.find("toy").path).get_inputs()
    assert source.name == ("pixel_values" if network == "efficientnet_b2" else "input")


def test_phases_follow_each_other_and_patience_ends_them(order: Order) -> None:
    recipe = TINY.model_copy(
        update={
            "patience": 1,
            # Steps that are too small to change a weight.
            "phases": [
                Phase(epochs=5, learning_rate=1e-12, trains="head", optimiser="adamw"),
                Phase(epochs=5, learning_rate=1e-12, trains="head"),
            ],
        }
    )
    history: list[Epoch] = []
    with pytest.raises(TrainingError, match="it has learnt nothing"):
        quietly(replace(order, recipe=recipe), history.append)
    assert [epoch.phase for epoch in history] == [0, 0, 1, 1]
    assert [epoch.best for epoch in history] == [True, False, False, False]


def test_missed_attacks_weigh_more() -> None:
    answers, genuine = torch.zeros(2, 1), torch.tensor([1.0, 0.0])
    trainer = Trainer(
        TINY.model_copy(update={"miss_weight": 3.0}),
        build(TINY, 0),
        Splits((), (), ()),
        seed=0,
        fabric=None,
    )
    live, attack = trainer._loss(answers, genuine).tolist()
    assert attack == pytest.approx(3 * live)


def test_a_picture_is_varied_by_seed_and_epoch_alone(order: Order) -> None:
    quietly(replace(order, recipe=short(TINY)))
    looked = LOOKED.validate_json((order.folder / "looked.json").read_bytes().partition(b"\n")[2])
    shown = presented(looked.examples, 1)
    first = Pictures(shown, TINY, 0, 1)[3][0]
    torch.rand(1)
    assert torch.equal(Pictures(shown, TINY, 0, 1)[3][0], first)
    assert not torch.equal(Pictures(shown, TINY, 0, 2)[3][0], first)
    plain = Pictures(shown, TINY, 0)[3][0]
    assert not torch.equal(plain, first)
    assert plain.shape == (3, 32, 32)


def test_pictures_of_a_presentation_are_varied_apart(order: Order) -> None:
    quietly(replace(order, recipe=short(TINY)))
    looked = LOOKED.validate_json((order.folder / "looked.json").read_bytes().partition(b"\n")[2])
    four = TINY.model_copy(update={"network": "vit_mean"})
    pixels, _ = Pictures(presented(looked.examples, 4), four, 0, 1)[0]
    assert pixels.shape == (4, 3, 32, 32)
    assert not torch.equal(pixels[0], pixels[3]), "the first, repeated"
    plain, _ = Pictures(presented(looked.examples, 4), four, 0)[0]
    assert torch.equal(plain[0], plain[3])


def test_other_sources_stand_beside_the_test_part(order: Order, tmp_path: Path) -> None:
    manifest, rows = faces(tmp_path / "others", 3)
    wrong = [
        (path, "live" if label == "spoof" else "spoof", kind, subject)
        for path, label, kind, subject in rows
    ]
    turned = write_manifest(tmp_path / "others", wrong).rename(tmp_path / "others" / "turned.csv")
    write_manifest(tmp_path / "others", rows)
    recipe = TINY.model_copy(update={"phases": [Phase(epochs=8, learning_rate=0.002)]})
    other = {"others": str(manifest), "turned": str(turned)}
    outcome = train(replace(order, recipe=recipe, elsewhere=other), silent, lambda epoch: None)
    assert outcome is not None
    auc = {name: worth.figures["auc"].value for name, worth in outcome.elsewhere.items()}
    assert auc == {"others": 1, "turned": 0}
    report = json.loads((order.folder / "report.json").read_text())
    assert report["elsewhere"]["turned"]["figures"]["auc"]["value"] == 0
    assert report["elsewhere"]["others"]["threshold"] == report["worth"]["threshold"]
    card = (order.folder / "card.md").read_text()
    assert "| part `test` |" in card
    assert "| turned | 0.000" in card
    # What was trained already is measured elsewhere without being trained again.
    epochs: list[Epoch] = []
    again = train(replace(order, recipe=recipe), silent, epochs.append)
    assert again is not None
    assert (epochs, again.elsewhere) == ([], {})
    assert "## Elsewhere" not in (order.folder / "card.md").read_text()


def test_a_one_class_run_learns_from_live_faces_and_settles(order: Order) -> None:
    recipe = TINY.model_copy(
        update={
            "network": "autoencoder_oneclass",
            "phases": [Phase(epochs=2, learning_rate=0.002)],
        }
    )
    outcome = train(replace(order, recipe=recipe), silent, lambda epoch: None)
    assert outcome is not None
    trainer = Trainer(
        recipe, build(recipe, 0), outcome.splits, seed=0, fabric=fabric_on(Machine("cpu"))
    )
    assert all(one.genuine for one in trainer._lessons)
    assert len(trainer._lessons) == 6
    best = read_state(order.folder / "best.pt")["model_state_dict"]
    assert float(best["threshold"]) > 0
    # Going on with a run that has settled leaves it where it was.
    again = train(replace(order, recipe=recipe), silent, lambda epoch: None)
    assert again is not None
    for name, figure in again.worth.figures.items():
        assert figure == outcome.worth.figures[name]
    settled = read_state(order.folder / "best.pt")["model_state_dict"]
    torch.testing.assert_close(settled["threshold"], best["threshold"])


def test_weights_that_nobody_published_cannot_be_started_from() -> None:
    recipe = TINY.model_copy(update={"network": "autoencoder_oneclass", "start": "imagenet"})
    with pytest.raises(TrainingError, match="nobody published weights"):
        build(recipe, 0)


def test_weights_that_cannot_be_fetched_are_one_line(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*args: object, **kwargs: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    monkeypatch.setenv("TORCH_HOME", str(order.folder))
    with pytest.raises(TrainingError, match=r"cannot be fetched .* `start: random`"):
        build(TINY.model_copy(update={"start": "imagenet"}), 0)


def test_a_file_of_weights_is_what_it_starts_from(order: Order, tmp_path: Path) -> None:
    path = tmp_path / "imagenet.pt"
    published = NETWORKS["mobilenet_v3"].published()
    torch.save(published.state_dict(), path)
    built = build(TINY.model_copy(update={"start": str(path)}), 5)
    assert torch.equal(built.features[0][0].weight, published.features[0][0].weight)
    torch.save({"other": torch.zeros(2)}, path)
    with pytest.raises(ExportError, match="another network"):
        build(TINY.model_copy(update={"start": str(path)}), 5)


def short(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"phases": [Phase(epochs=1, learning_rate=0.002)]})
