"""What the routes have in common that ask one signal about one file.

Each is a question and an answer of its own; the admission, the time, the name of the model and the
reasons for which there is no answer are the same. Nothing is recorded in the session store.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Annotated, Any, Protocol

from fastapi import Header, Response
from pydantic import BaseModel, Field

from deployments.problems import Problem, documented
from deployments.settings import Settings

Probability = Annotated[float, Field(ge=0.0, le=1.0)]

MODEL_HEADER = "Palisade-Model"


class Door(Protocol):
    """What every route asks before it reads a body."""

    def admit(self) -> AbstractContextManager[None]:
        """Count a request in flight; raises ``Problem`` when there are too many."""


def deadline(settings: Settings) -> Any:
    """The header with the time for an answer: no fan-out follows, only Fusion's share is kept."""
    return Header(
        default=settings.deadline_ms,
        alias="Palisade-Deadline-Ms",
        description="Answer within this many milliseconds.",
        gt=settings.fusion_reserve_ms,
        le=settings.max_deadline_ms,
    )


def answer(
    model: Any, examples: Mapping[str, Mapping[str, Any]], answered: str, names: str
) -> dict[str, Any]:
    """Describe an answer for OpenAPI.

    Args:
        model: of its body.
        examples: bodies by their titles.
        answered: what :data:`MODEL_HEADER` says.
        names: characters of the names in that header, as in a regular expression.
    """
    return {
        "model": model,
        "content": {
            "application/json": {
                "examples": {title: {"value": body} for title, body in examples.items()}
            }
        },
        "headers": {
            MODEL_HEADER: {
                "description": answered,
                "schema": {"type": "string", "pattern": f"^[{names}]+; sha256=[0-9a-f+]+$"},
            }
        },
    }


def refusals(file: str, unjudged: str, cure: str) -> dict[int | str, dict[str, Any]]:
    """Describe the refusals for OpenAPI.

    Args:
        file: what is sent, in a word.
        unjudged: beside a faulty part, what leads to a 422.
        cure: what the answer names where there is no model.
    """
    return {
        400: documented("The form cannot be parsed."),
        413: documented(f"The {file}, or the whole request, is over a limit; `detail` says which."),
        415: documented(f"The {file} is of a type that Palisade does not decode."),
        422: documented(f"The part is missing, doubled or broken; {unjudged}."),
        503: documented(
            f"There is no model at hand (`model-unavailable`, which names {cure}); or full, a node "
            "is restarting or too slow: try again after `Retry-After` seconds."
        ),
    }


def answered(body: BaseModel, model: str | None = None) -> Response:
    """Answer.

    Args:
        body: of the answer.
        model: of :data:`MODEL_HEADER`, where a model was asked.
    """
    headers = None if model is None else {MODEL_HEADER: model}
    return Response(body.model_dump_json(), headers=headers, media_type="application/json")


def no_face(reasons: str) -> Problem:
    """There is nothing to judge."""
    return Problem(
        422, "no-face", f"There is no face that could be judged: {reasons}.", part="file"
    )


def no_model(signal: str, reasons: str, cure: str) -> Problem:
    """The signal has no weights; ``cure`` says how to get them."""
    return Problem(
        503, "model-unavailable", f"There is no {signal} model at hand ({reasons}): {cure}."
    )


def lost(signal: str, reasons: str) -> Problem:
    """The signal failed, or was late."""
    return Problem(
        503,
        "node-unavailable",
        f"The {signal} node did not answer ({reasons}); try again.",
        retry_after=2,
    )
