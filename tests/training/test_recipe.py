from __future__ import annotations

from pathlib import Path

import pytest

from training.errors import TrainingError
from training.networks import NETWORKS
from training.recipe import FOLDER, read_recipe, shipped


def test_every_network_has_a_recipe_of_its_name() -> None:
    assert shipped() == tuple(sorted(NETWORKS))
    for name in shipped():
        assert read_recipe(name).network == name


def test_the_recipes_have_the_values_of_their_references() -> None:
    mobile, deepfake, resnet = (
        read_recipe(name) for name in ("mobilenet_v3", "efficientnet_b2", "resnet50")
    )
    (phase,) = mobile.phases
    assert (phase.optimiser, phase.learning_rate, mobile.side) == ("adam", 1e-4, 224)
    assert phase.weight_decay > 0
    assert (mobile.augmentation.flip, mobile.augmentation.jitter) == (0.5, 0.2)
    assert mobile.miss_weight > 1
    assert deepfake.side == 260
    assert [(one.trains, one.optimiser) for one in deepfake.phases] == [
        ("head", "adamw"),
        ("all", "adamw"),
    ]
    (phase,) = resnet.phases
    assert (phase.trains, phase.optimiser, phase.learning_rate, phase.epochs) == (
        "head",
        "adam",
        1e-4,
        10,
    )


@pytest.mark.parametrize(
    ("name", "learning_rate", "epochs"),
    [
        ("resnet50_lstm", 1e-4, 5),
        ("vit_mean", 2e-5, 2),
        ("autoencoder_resnet18", 5e-4, 10),
        ("autoencoder_oneclass", 1e-3, 10),
    ],
)
def test_the_other_variants_are_trained_whole(name: str, learning_rate: float, epochs: int) -> None:
    recipe = read_recipe(name)
    (phase,) = recipe.phases
    assert (phase.trains, phase.optimiser) == ("all", "adam")
    assert (phase.learning_rate, phase.epochs, recipe.side) == (learning_rate, epochs, 224)
    assert recipe.augmentation.rotate_deg > 0


def test_what_was_left_out_counts_for_the_digest_as_if_it_had_been_written(tmp_path: Path) -> None:
    whole = read_recipe("mobilenet_v3")
    short = tmp_path / "short.yaml"
    text = (FOLDER / "mobilenet_v3.yaml").read_text()
    short.write_text(text.replace("batch: 32\n", ""))
    assert read_recipe(str(short)).sha256 == whole.sha256
    short.write_text(text.replace("batch: 32\n", "batch: 16\n"))
    assert read_recipe(str(short)).sha256 != whole.sha256


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("side: 224", "side: '224'", "side: Input should be a valid integer"),
        ("side: 224", "side: 2", "side: Input should be greater than or equal to 16"),
        ("batch: 32", "batches: 32", "batches: Extra inputs"),
        ("network: mobilenet_v3", "network: other", "network: Input should be"),
        ("    epochs: 10\n", "", r"phases.0.epochs: Field required"),
        ("side: 224", "side: [", "this is no YAML"),
    ],
)
def test_a_wrong_recipe_is_one_line(old: str, new: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text((FOLDER / "mobilenet_v3.yaml").read_text().replace(old, new))
    with pytest.raises(TrainingError, match=said) as refused:
        read_recipe(str(path))
    assert "\n" not in str(refused.value)


def test_an_unknown_one_names_those_that_there_are() -> None:
    with pytest.raises(TrainingError, match="efficientnet_b2, mobilenet_v3, resnet50"):
        read_recipe("resnet51")
