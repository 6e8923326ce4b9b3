"""What the door for documents returns."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, PlainSerializer, TypeAdapter

from docfraud.contracts import Fields
from fusion.verdict import DocumentFindings

Base64 = Annotated[
    bytes,
    BeforeValidator(b64decode, json_schema_input_type=str),
    PlainSerializer(lambda content: b64encode(content).decode(), return_type=str, when_used="json"),
]
"""Bytes that are base64 in JSON, in the standard alphabet and one line, as browsers read it."""


class Wanted(NamedTuple):
    """What a caller wants besides the findings: what the document says, what the checks saw."""

    fields: bool = False
    heatmaps: bool = False


@dataclass(frozen=True, slots=True)
class DocumentAnswer:
    """Findings on a document that came alone; nothing of it is kept.

    Attributes:
        findings: as a verdict has them.
        sides: what ``barcode``, ``mrz`` and ``text`` say, where it was asked for.
        heatmaps: PNG of what each check saw, by its name, where it was asked for.
    """

    findings: DocumentFindings
    sides: Mapping[str, Fields] | None = None
    heatmaps: Mapping[str, Base64] | None = None

    def to_json(self) -> bytes:
        """Serialise to JSON; pictures are base64."""
        return _JSON.dump_json(self)

    @classmethod
    def from_json(cls, answer: bytes) -> DocumentAnswer:
        """Read :meth:`to_json` back.

        Raises:
            ValueError: the bytes are not an answer.
        """
        return _JSON.validate_json(answer)


_JSON = TypeAdapter(DocumentAnswer)
