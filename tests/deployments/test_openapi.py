"""What the OpenAPI document promises, put to the test by Schemathesis on the running graph."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from serving import Graph

from deployments.http import create_api
from deployments.settings import Settings

pytestmark = [pytest.mark.serve, pytest.mark.timeout(600)]

WHOLE_OR_NOTHING = ("/v1/liveness", "/v1/deepfake")
"""No part of an answer can be given there: too short a deadline is a 503, and so is a model that
this machine lacks."""


def no_fault_of_ours(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> bool | None:
    """As Schemathesis has it, but for what a 503 has to say on those routes."""
    if response.status_code == 503 and case.path in WHOLE_OR_NOTHING:
        return None
    return not_a_server_error(ctx, response, case)


# Not `positive_data_acceptance`: that a string of bytes is no image is beyond a schema.
CHECKS = [
    no_fault_of_ours,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
    allow_header_conformance,
]


def document() -> dict[str, Any]:
    """The document, as it holds where no key is needed; test_access.py asks with keys."""
    described = create_api(cast(Any, SimpleNamespace(memory=None)), Settings()).openapi()
    for methods in described["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)
    return described


api = schemathesis.openapi.from_dict(document())


@pytest.fixture(scope="module", autouse=True)
def uploads(selfie: bytes) -> None:
    """What the parts of a form are made of: a face, half of one, nothing, noise."""
    real = st.sampled_from([selfie, selfie[: len(selfie) // 2], b""])
    schemathesis.openapi.format("binary", real | st.binary(max_size=200))


@api.parametrize()
@settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_document_promises(
    case: schemathesis.Case, served: Graph
) -> None:
    case.call_and_validate(str(served.client.base_url), checks=CHECKS)
