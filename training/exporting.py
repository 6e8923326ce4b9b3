"""From trained weights to a model that the graph can be told to use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models import deepfake, own, store
from models.export import made_with, write_onnx
from models.own import Card, Own
from training.networks.contracts import Network
from training.recipe import Recipe

if TYPE_CHECKING:
    import torch

INTERFACES = {"liveness": ("input", "logit"), "deepfake": (deepfake.INPUT, deepfake.OUTPUT)}
"""Of each detector: names of the input and the output."""


def export(
    name: str, recipe: Recipe, kind: Network, network: torch.nn.Module, weights: Path
) -> Own:
    """Put a network into the model store, as ONNX that was held against torch.

    Args:
        name: how it will be called.
        recipe: that it was trained by.
        kind: of the network.
        network: trained, on the CPU.
        weights: the file of its weights.

    Raises:
        ExportError: the file answers differently.
        FetchError: no folder of the store can be written.
        OSError: the disk is full or broken.
    """
    two = kind.detector == "liveness" and kind.objective == "logits"
    answering = _one_logit(network) if two else network
    source, output = INTERFACES[kind.detector]
    several = (kind.images,) if kind.images > 1 else ()
    shape = (1, *several, 3, recipe.side, recipe.side)

    def write(path: Path) -> Card:
        difference = write_onnx(
            answering,
            path,
            shape,
            (source, [output]),
            {source: {0: "batch"}, output: {0: "batch"}},
            tried=[shape, (3, *shape[1:])],
        )
        return Card(
            name=name,
            file="",
            sha256="",
            bytes=0,
            purpose=f"{recipe.purpose}; {recipe.network}, trained here",
            made_from=store.sha256(weights),
            made_with=made_with("torch", "torchvision", "onnx"),
            parity=difference,
        )

    return own.register(name, write)


def _one_logit(network: torch.nn.Module) -> torch.nn.Module:
    """A network of two logits with that of a spoof alone, as the detector wants it.

    It is the difference of the two: the softmax of two logits is the sigmoid of that.
    """
    import torch
    from torch import nn

    difference = nn.Linear(2, 1, bias=False)
    difference.weight = nn.Parameter(torch.tensor([[1.0, -1.0]]))
    return nn.Sequential(network, difference)
