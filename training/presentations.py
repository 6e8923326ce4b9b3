"""What a network answers about: one picture, or several of the same presentation.

The four-image data set of the liveness classifier takes the pictures of a person four at a time,
and repeats the first where there are fewer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from training.examples import Example


@dataclass(frozen=True, slots=True)
class Presentation:
    """Pictures of one person, all live or all of one species of attack.

    Attributes:
        images: at least one, as many as the network looks at.
    """

    images: tuple[Example, ...]

    @property
    def genuine(self) -> bool:
        """Whether it is bona fide."""
        return self.images[0].genuine

    @property
    def kind(self) -> str:
        """Of an attack, its species."""
        return self.images[0].kind

    @property
    def identity(self) -> str:
        """Whose it is."""
        return self.images[0].identity


def presented(examples: Sequence[Example], size: int) -> tuple[Presentation, ...]:
    """Put pictures together.

    Those of one ``group`` belong together, and where the manifest has none, those of one subject
    and one species; one that names no subject is alone. They are taken in their order, ``size`` at
    a time.

    Args:
        examples: of one part.
        size: pictures of a presentation.
    """
    together: dict[tuple[str, ...], list[Example]] = defaultdict(list)
    for one in examples:
        together[(one.identity, str(one.genuine), one.group or one.kind)].append(one)
    return tuple(
        Presentation(tuple(own[at : at + size]) + (own[at],) * (at + size - len(own)))
        for own in together.values()
        for at in range(0, len(own), size)
    )
