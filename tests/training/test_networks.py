"""What the networks make of several pictures; that each learns is in test_pipeline."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.errors import TrainingError  # noqa: E402
from training.networks import NETWORKS  # noqa: E402


def built(name: str, side: int = 32) -> torch.nn.Module:
    torch.manual_seed(0)
    network = NETWORKS[name]
    return network.adapted(network.published(), side).eval()


@pytest.mark.parametrize("name", ["vit_mean", "autoencoder_resnet18"])
def test_the_order_of_pictures_that_are_averaged_is_nothing(name: str) -> None:
    network = built(name)
    pixels = torch.randn(2, 4, 3, 32, 32)
    with torch.inference_mode():
        answer, turned = network(pixels), network(pixels.flip(1))
        alone = [network(pixels[:, at : at + 1].expand(-1, 4, -1, -1, -1)) for at in range(4)]
    assert answer.shape == (2, 2)
    torch.testing.assert_close(turned, answer)
    torch.testing.assert_close(torch.stack(alone).mean(0), answer)


def test_the_order_of_a_sequence_matters() -> None:
    network = built("resnet50_lstm")
    pixels = torch.randn(2, 4, 3, 32, 32)
    with torch.inference_mode():
        assert not torch.allclose(network(pixels), network(pixels.flip(1)), atol=1e-6)


def test_one_class_answers_by_the_error_of_the_reconstruction() -> None:
    network = built("autoencoder_oneclass")
    pixels = torch.randn(6, 3, 32, 32)
    with torch.inference_mode():
        raw = network(pixels)[:, 0]
        expected = (network.autoencoder(pixels) - pixels).square().mean((1, 2, 3))
        torch.testing.assert_close(raw, expected)
        errors = raw.numpy().astype(np.float64)
        genuine = errors <= np.sort(errors)[3]
        network.settle(errors, genuine)
        settled = network(pixels)[:, 0].numpy()
        np.testing.assert_array_equal(settled < 0, genuine, "the classes lie on both sides of 0")
        assert np.std(settled[genuine]) == pytest.approx(1, abs=1e-3)
        network.settle(settled.astype(np.float64), genuine)
        np.testing.assert_allclose(network(pixels)[:, 0].numpy(), settled, atol=1e-3)


@pytest.mark.parametrize("name", ["vit_mean", "autoencoder_resnet18", "autoencoder_oneclass"])
def test_a_side_that_does_not_fit_is_refused(name: str) -> None:
    with pytest.raises(TrainingError, match="40 is no multiple"):
        built(name, 40)


def test_a_vision_transformer_for_another_side_keeps_what_it_knows() -> None:
    published = NETWORKS["vit_mean"].published()
    places = published.encoder.pos_embedding.detach().clone()
    other = NETWORKS["vit_mean"].adapted(published, 32).backbone
    assert other.encoder.pos_embedding.shape == (1, 5, 768)
    torch.testing.assert_close(other.encoder.pos_embedding[:, 0], places[:, 0])
    weight = "encoder.layers.encoder_layer_3.mlp.0.weight"
    torch.testing.assert_close(other.state_dict()[weight], published.state_dict()[weight])
