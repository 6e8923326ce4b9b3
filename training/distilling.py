"""What a student learns from a teacher: not only who is right, but also how sure to be of it.

Hinton, Vinyals and Dean (2015), for two classes. The softmax of two logits is the sigmoid of their
difference, so that networks with one logit and with two teach each other by their log-odds.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from models import own
from models.store import ModelUnavailable
from training.errors import TrainingError
from training.exported import Exported
from training.networks.contracts import Network

if TYPE_CHECKING:
    import torch


def softened(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """How far the student's answers are from the teacher's, both softened.

    ``T² KL(sigmoid(teacher / T) ‖ sigmoid(student / T))``, in nats; T² keeps its gradients as large
    as they are at a temperature of 1 (Hinton et al. 2015, section 2).

    Args:
        student: log-odds, float (N,).
        teacher: log-odds, float (N,).
        temperature: T.

    Returns:
        float (N,), 0 or more.
    """
    from torch.nn import functional

    wanted = (teacher / temperature).sigmoid()
    crossed, own_entropy = (
        functional.binary_cross_entropy_with_logits(odds / temperature, wanted, reduction="none")
        for odds in (student, teacher)
    )
    return temperature**2 * (crossed - own_entropy)


def teacher_of(named: str, student: Network, called: str) -> Exported:
    """Open a teacher.

    Args:
        named: a model of the store, or the path of an ONNX file.
        student: the network that learns from it.
        called: name that the student gets in the store.

    Raises:
        TrainingError: it cannot be opened, the student cannot learn from it, or would take its
            place in the store.
    """
    if student.objective == "reconstruction":
        raise TrainingError(
            f"{student.name} learns from live faces alone, by reconstruction; a teacher's opinions "
            "are of no use to it"
        )
    teacher = Exported(named)
    if teacher.detector != student.detector:
        raise TrainingError(
            f"{teacher.name} answers for {teacher.detector} and {student.name} for "
            f"{student.detector}; a teacher has to know the student's question"
        )
    with suppress(ModelUnavailable):
        if own.find(called).card.sha256 == teacher.sha256:
            raise TrainingError(
                f"--name {called}: the student would take its teacher's place in the store; take "
                "another name"
            )
    return teacher
