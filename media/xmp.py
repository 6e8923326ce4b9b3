"""Read an XMP packet: which programs it names, which dates it gives.

The packet is streamed through expat, so that a damaged one still gives what stands before the
damage. A packet with a document type is refused: XMP has none, and entities live there.

Source: ISO 16684-1 (XMP), IPTC Photo Metadata 2023.1.
"""

from __future__ import annotations

import xml.parsers.expat
from dataclasses import dataclass, field

MAX_PROPERTIES = 3_000
"""Elements and attributes read of one packet; long edit histories have some hundreds."""

MAX_VALUE = 512
"""Characters kept of a value."""

PROGRAM_NAMES = frozenset(
    {
        "CreatorTool",
        "Software",
        "softwareAgent",
        "Producer",
        "AISystemUsed",
        "xmptk",
        "DocumentID",  # adobe:docid:photoshop:…, gimp:docid:gimp:…
        "OriginalDocumentID",
        "DigitalSourceType",
        "digitalSourceType",
        "digitalsourcefiletype",
    }
)
"""Local names of properties that say with what a picture was made."""

NOTE_NAMES = frozenset({"UserComment", "description", "Credit", "parameters"})

DATE_NAMES = frozenset({"CreateDate", "DateTimeOriginal", "ModifyDate", "DateCreated"})

_TEXT_NAMES = PROGRAM_NAMES | NOTE_NAMES | DATE_NAMES | {"Make", "Model"}

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


@dataclass(slots=True)
class XmpProperties:
    """What one packet says.

    Attributes:
        values: pairs of a property's local name and its value, in order.
        namespaces: those of properties that are there.
        events: entries of the edit history.
        malformed: it is not well-formed, too long, or has a document type.
    """

    values: list[tuple[str, str]] = field(default_factory=list)
    namespaces: set[str] = field(default_factory=set)
    events: int = 0
    malformed: bool = False


class _RefusedError(Exception):
    pass


def read_xmp(packet: bytes) -> XmpProperties:
    """Read a packet; a damaged one gives what stands before the damage."""
    reader = _Reader()
    try:
        reader.parser.Parse(packet.rstrip(b"\0 \r\n\t"), True)
    except (xml.parsers.expat.ExpatError, _RefusedError):
        reader.found.malformed = True
    return reader.found


class _Reader:
    def __init__(self) -> None:
        self.found = XmpProperties()
        self._left = MAX_PROPERTIES
        self._open: list[str] = []  # properties that are open, innermost last
        self._text = ""
        self.parser = xml.parsers.expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, *_: object) -> None:
        raise _RefusedError

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._left -= 1 + len(attributes)
        if self._left < 0:
            raise _RefusedError
        namespace, _, local = name.rpartition(" ")
        self.found.namespaces.add(namespace)
        # Lists and alternatives wrap the value of the property around them.
        self._open.append(self._open[-1] if namespace == _RDF and self._open else local)
        self._text = ""
        for attribute, value in attributes.items():
            namespace, _, local = attribute.rpartition(" ")
            self.found.namespaces.add(namespace)
            # A value that is a URI may stand as ``rdf:resource`` in its property.
            uri = namespace == _RDF and local == "resource"
            self._keep(self._open[-1] if uri else local, value)

    def _end(self, name: str) -> None:
        local = self._open.pop()
        if self._text.strip():
            self._keep(local, self._text)
        self._text = ""

    def _characters(self, text: str) -> None:
        self._text += text[: MAX_VALUE - len(self._text)]

    def _keep(self, local: str, value: str) -> None:
        self.found.events += local == "action"
        if local in _TEXT_NAMES:
            self.found.values.append((local, value.strip()[:MAX_VALUE]))
