"""The multipart form of an upload, read strictly into a :class:`Capture`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.problems import Problem, explain
from media.capture import Capture, Channel

MAX_STILLS = 300
FILES = ("selfie", "clip", "frames", "document")


Subject = Annotated[str, Field(min_length=1, max_length=256)]
"""A client's stable name for a person."""


class Metadata(BaseModel):
    """The ``metadata`` part: JSON about the capture.

    Attributes:
        subject: your stable name for the person; keys the enforcement bucket; only a keyed
            digest of it is stored.
        channel: how the capture reached you.
        requested: inputs you asked the applicant for; a missing one counts as withheld.
        frame_times: seconds of each ``frames`` part from the first one, strictly increasing.
        gate: refuse a selfie that the policy's quality checks find too poor, with the problem
            ``quality-failed`` and before anything else is run on it.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    subject: Subject | None = None
    channel: Channel = "upload"
    requested: frozenset[Literal["clip", "document"]] = frozenset()
    frame_times: Annotated[tuple[float, ...], Field(max_length=MAX_STILLS)] = ()
    gate: bool = False


class DocumentMetadata(BaseModel):
    """The ``metadata`` part of a document alone.

    Attributes:
        channel: how the photograph reached you.
    """

    model_config = ConfigDict(extra="forbid")

    channel: Channel = "upload"


M = TypeVar("M", bound=BaseModel)


def _form_of(required: str, **parts: dict[str, Any]) -> dict[str, Any]:
    """Describe a form as OpenAPI; it is parsed by hand, to refuse unknown and doubled parts."""
    schema = {
        "type": "object",
        "required": [required],
        "additionalProperties": False,
        "properties": parts,
    }
    content = {"multipart/form-data": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def _binary(description: str) -> dict[str, Any]:
    return {"type": "string", "format": "binary", "description": description}


SCHEMA = _form_of(
    "selfie",
    selfie=_binary("JPEG, PNG or WebP with one face."),
    clip=_binary(
        "MP4, MOV, WebM or AVI of the same face; 3 s carry the reference's pulse signal, 10 s are "
        "better."
    ),
    frames={
        "type": "array",
        "items": {"type": "string", "format": "binary"},
        "maxItems": MAX_STILLS,
        "description": "Stills instead of a clip; `metadata.frame_times` gives their times.",
    },
    document=_binary("JPEG, PNG or WebP of the identity document."),
    metadata={
        "type": "string",
        "description": "JSON: `subject`, `channel` (browser, sdk, upload), "
        "`requested` (clip, document), `frame_times`, `gate` (refuse a poor "
        "selfie).",
        "example": '{"subject": "applicant-17", "channel": "browser"}',
    },
)
"""The form of a capture."""

DOCUMENT_SCHEMA = _form_of(
    "document",
    document=_binary(
        "JPEG, PNG or WebP of the identity document, as the camera wrote it: a copy that was saved "
        "again says less."
    ),
    metadata={
        "type": "string",
        "description": "JSON: `channel` (browser, sdk, upload).",
        "example": '{"channel": "browser"}',
    },
)
"""That of a document alone."""

SELFIE_SCHEMA = _form_of("file", file=_binary("JPEG, PNG or WebP with one face."))
"""That of a selfie alone."""

MOVING_SCHEMA = _form_of(
    "file", file=_binary("JPEG, PNG or WebP with one face; or MP4, MOV, WebM or AVI of one.")
)
"""That of a photograph or a clip alone."""


async def read_upload(request: Request) -> tuple[Capture, Metadata]:
    """Read the form of ``request``.

    Raises:
        Problem: a part is missing, doubled, unknown or of the wrong kind.
    """
    async with _form(request, FILES, "selfie=@face.jpg") as form:
        return await _capture(form)


async def read_document(request: Request) -> tuple[bytes, Channel]:
    """Read a form that has a document alone, and how it reached the client.

    Raises:
        Problem: a part is missing, doubled, unknown or of the wrong kind.
    """
    async with _form(request, ("document",), "document=@card.jpg") as form:
        metadata = _read_metadata(form, DocumentMetadata)
        document = await _file(form, "document")
    if document is None:
        raise Problem(422, "missing-part", "The file part `document` is missing.", part="document")
    return document, metadata.channel


async def read_selfie(request: Request) -> bytes:
    """Read a form that has one photograph or clip, ``file``, and nothing else.

    Raises:
        Problem: the part is missing, doubled or of the wrong kind, or there is another.
    """
    async with _form(request, ("file",), "file=@face.jpg", fields=()) as form:
        file = await _file(form, "file")
    if file is None:
        raise Problem(422, "missing-part", "The file part `file` is missing.", part="file")
    return file


@asynccontextmanager
async def _form(
    request: Request, files: Sequence[str], example: str, fields: Sequence[str] = ("metadata",)
) -> AsyncIterator[FormData]:
    """Parse a form that may have the parts ``files`` and ``fields``, for the length of a block.

    Raises:
        Problem: it is no form, cannot be parsed, or has another part.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Problem(
            415,
            "unsupported-media-type",
            f"Send multipart/form-data with a file part `{files[0]}`; with curl: -F {example}",
        )
    try:
        async with request.form(max_files=MAX_STILLS + len(FILES), max_fields=4) as form:
            for name in form:
                if name not in (*files, *fields):
                    raise Problem(
                        422, "unknown-part", f"The form has no part {name[:40]!r}.", part=name[:40]
                    )
            yield form
    except HTTPException as error:
        if isinstance(error.__context__, BodyTooLarge):
            raise error.__context__ from None
        raise Problem(400, "malformed-multipart", str(error.detail)) from None


async def _capture(form: FormData) -> tuple[Capture, Metadata]:
    metadata = _read_metadata(form, Metadata)
    stills = [await _bytes(value, "frames") for value in form.getlist("frames")]
    selfie, clip, document = [await _file(form, name) for name in ("selfie", "clip", "document")]
    if selfie is None:
        raise Problem(422, "missing-part", "The file part `selfie` is missing.", part="selfie")
    if clip is not None and stills:
        raise Problem(
            422, "conflicting-parts", "Send either `clip` or `frames`, not both.", part="frames"
        )
    if len(stills) != len(metadata.frame_times):
        raise Problem(
            422,
            "frame-times-mismatch",
            f"There are {len(stills)} `frames` and {len(metadata.frame_times)} "
            "`metadata.frame_times`; give one time for each frame.",
            part="metadata",
        )
    capture = Capture(
        selfie=selfie,
        clip=clip,
        stills=tuple(stills),
        still_times=metadata.frame_times,
        document=document,
        channel=metadata.channel,
        requested=metadata.requested,
        gate=metadata.gate,
    )
    return capture, metadata


def _read_metadata(form: FormData, kind: type[M]) -> M:
    value = _single(form, "metadata")
    if value is None:
        return kind()
    if isinstance(value, UploadFile):
        raise Problem(
            422,
            "part-not-a-field",
            "Send `metadata` as a plain form field with JSON, without a file name.",
            part="metadata",
        )
    try:
        return kind.model_validate_json(value)
    except ValidationError as error:
        raise Problem(422, "invalid-metadata", explain(error.errors()), part="metadata") from None


async def _file(form: FormData, name: str) -> bytes | None:
    value = _single(form, name)
    return None if value is None else await _bytes(value, name)


def _single(form: FormData, name: str) -> UploadFile | str | None:
    values = form.getlist(name)
    if len(values) > 1:
        raise Problem(
            422, "duplicate-part", f"The part `{name}` is there {len(values)} times.", part=name
        )
    return values[0] if values else None


async def _bytes(value: UploadFile | str, name: str) -> bytes:
    if isinstance(value, str):
        raise Problem(
            422,
            "part-not-a-file",
            f"Send `{name}` as a file, with a file name; with curl: -F {name}=@path",
            part=name,
        )
    return await value.read()


class BodyTooLarge(Problem, MultiPartException):
    """The body is over the limit; as an error of the parser, it makes it close its files."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            413,
            "body-too-large",
            f"The request is larger than {limit / 2**20:.0f} MiB; send a smaller image or a "
            "shorter clip.",
        )
        self.message = self.details.detail


def keep_uploads_in_memory(limit: int) -> None:
    """Keep the parts of a form off the disk, up to ``limit`` bytes each.

    Starlette would put parts above 1 MB into temporary files, and a face has no business there.
    It takes the size from its class only, so this holds for the whole process.
    """
    MultiPartParser.spool_max_size = limit


class BodyLimit:
    """Refuses a body above a limit before and while it is read.

    Starlette's own middleware answers in plain text; this one leaves a problem document.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting its bytes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._limit:
            await BodyTooLarge(self._limit).response()(scope, receive, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise BodyTooLarge(self._limit)
            return message

        await self._app(scope, limited, send)
