"""Recipes: everything that decides what a training does, in a YAML file that is checked.

Shipped recipes lie in ``training/recipes``, one for each network, with the values of its reference.
An operator copies one and changes it; its digest is on every model that it makes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.errors import TrainingError
from training.examples import Outliers

FOLDER = Path(__file__).with_name("recipes")

Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Augmentation(_Part):
    """How pictures are varied while training; never while measuring.

    Attributes:
        flip: chance of a mirror image.
        rotate_deg: largest turn to either side, degrees.
        jitter: largest change of brightness and of contrast, as a share.
    """

    flip: Share = 0.5
    rotate_deg: Annotated[float, Field(ge=0, le=180)] = 0.0
    jitter: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Phase(_Part):
    """Some epochs with one optimiser.

    Attributes:
        trains: ``head`` leaves the rest of the network as it was, its normalisations included.
        epochs: at most.
        optimiser: Adam with L2 regularisation (Kingma and Ba, 2015), or AdamW, whose decay stands
            apart from the gradient (Loshchilov and Hutter, 2019).
        learning_rate: of it.
        weight_decay: of it.
    """

    trains: Literal["head", "all"] = "all"
    epochs: Annotated[int, Field(ge=1)]
    optimiser: Literal["adam", "adamw"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)] = 0.0


class Distillation(_Part):
    """How a student learns from a teacher's answers; of a training without a teacher, nothing.

    Attributes:
        temperature: that both answers are softened by (Hinton et al. 2015).
        weight: of the teacher's answers; the labels have the rest.
    """

    temperature: Annotated[float, Field(ge=1)] = 4.0
    weight: Share = 0.7


class Recipe(_Part):
    """A training.

    Attributes:
        network: of :data:`training.networks.NETWORKS`.
        purpose: what the trained network is for, in words, for its card.
        crop: ``liveness`` and ``deepfake`` cut out the face as these detectors do; ``whole`` takes
            pictures as they are, for faces that are cut out already.
        side: of the network's input, in pixels.
        start: ``imagenet`` fetches torchvision's weights, ``random`` takes none, and a path is a
            file of such weights.
        batch: presentations in a step; each is as many pictures as the network looks at.
        balance: draw as many pictures of each class in every epoch, some of them twice.
        miss_weight: how much more an attack counts in the loss than a bona fide presentation.
        augmentation: while training.
        distillation: with a teacher.
        phases: one after another.
        patience: epochs without a lower loss on the validation part that end a phase; None for
            never.
        most_bpcer: at which the threshold is chosen on the DET curve of the validation part.
        most_unreadable: share of the pictures that may be unreadable.
        outliers: what becomes of pictures that lie on their side or stand on their head:
            ``leave_out``, or ``turn`` them upright. ``whole`` pictures are taken as they are.
    """

    network: Literal[
        "mobilenet_v3",
        "efficientnet_b2",
        "resnet50",
        "resnet50_lstm",
        "vit_mean",
        "autoencoder_resnet18",
        "autoencoder_oneclass",
    ]
    purpose: str
    crop: Literal["liveness", "deepfake", "whole"]
    side: Annotated[int, Field(ge=16, le=1024)]
    start: str = "imagenet"
    batch: Annotated[int, Field(ge=2)] = 32
    balance: bool = True
    miss_weight: Annotated[float, Field(gt=0)] = 1.0
    augmentation: Augmentation = Augmentation()
    distillation: Distillation = Distillation()
    phases: Annotated[list[Phase], Field(min_length=1)]
    patience: Annotated[int, Field(ge=1)] | None = None
    most_bpcer: Annotated[float, Field(gt=0, lt=1)] = 0.05
    most_unreadable: Share = 0.05
    outliers: Outliers = "leave_out"

    @property
    def sha256(self) -> str:
        """Of all values, those that were left out of the file included."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def shipped() -> tuple[str, ...]:
    """Names of the recipes that come with Palisade."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def read_recipe(named: str) -> Recipe:
    """Read a recipe.

    Args:
        named: one of :func:`shipped`, or the path of a YAML file.

    Raises:
        TrainingError: there is none, or a key or a value is wrong.
    """
    path = FOLDER / f"{named}.yaml" if named in shipped() else Path(named)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(
            f"{named}: {error.strerror}; there are {', '.join(shipped())}, or the path of a file"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        raise TrainingError(f"{named}: this is no YAML: {first}") from None
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in wrong["loc"]) or "the file"
        raise TrainingError(f"{named}: {where}: {wrong['msg']}") from None
