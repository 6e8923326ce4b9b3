"""Check a RayService against the operator's own definition, made strict, without a cluster.

A server drops a field that the definition does not name, and says so in a warning at best. Here
``minReplica`` is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema

from fusion.sources import SourceError, read_mapping
from k8s.errors import KubernetesError

Schema = dict[str, Any]

_METADATA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "namespace"],
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "namespace": {"type": "string", "minLength": 1},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
"""What we write of an object's metadata; a definition leaves it to the server."""


def read_definition(path: Path) -> Schema:
    """Read the strict schema of ``ray.io/v1`` RayService out of a CustomResourceDefinition.

    Args:
        path: the definition in YAML, as KubeRay's Helm chart has it or
            ``kubectl get crd rayservices.ray.io -o yaml`` prints it.

    Raises:
        KubernetesError: the file is not that.
    """
    try:
        raw = read_mapping(path, "k8s", ())
    except SourceError as error:
        raise KubernetesError(str(error)) from None
    try:
        versions = {version["name"]: version for version in raw["spec"]["versions"]}
        described = versions["v1"]["schema"]["openAPIV3Schema"]
        named = (raw["spec"]["group"], raw["spec"]["names"]["kind"])
    except (KeyError, TypeError):
        named, described = ("", ""), {}
    if named != ("ray.io", "RayService"):
        raise KubernetesError(f"{path}: not the definition of ray.io/v1 RayService")
    schema = strict(described)
    schema.setdefault("properties", {})["metadata"] = _METADATA
    return schema


def strict(schema: Mapping[str, Any]) -> Schema:
    """Make an OpenAPI v3 schema of Kubernetes a JSON Schema that refuses unknown fields.

    Defaults that the server would put in count as present, so a field that is required and has a
    default may be left out.
    """
    made: Schema = {
        key: schema[key]
        for key in ("type", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength")
        if key in schema
    }
    if schema.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    if schema.get("nullable"):
        made = {"anyOf": [{"type": "null"}, made]}
    properties = schema.get("properties", {})
    if properties:
        made["properties"] = {name: strict(inner) for name, inner in properties.items()}
    if "items" in schema:
        made["items"] = strict(schema["items"])
    if required := [
        name for name in schema.get("required", ()) if "default" not in properties.get(name, {})
    ]:
        made["required"] = required
    others = schema.get("additionalProperties")
    if isinstance(others, Mapping):
        made["additionalProperties"] = strict(others)
    elif schema.get("type") == "object" and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made["additionalProperties"] = False
    return made


def check(manifest: Mapping[str, Any], schema: Schema) -> None:
    """Check a manifest.

    Raises:
        KubernetesError: it breaks the schema; the message names each place.
    """
    errors = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
    if found := [f"{_place(error)}: {error.message}" for error in errors]:
        raise KubernetesError(f"{manifest.get('kind')}: {'; '.join(sorted(found))}")


def _place(error: jsonschema.ValidationError) -> str:
    return ".".join(str(step) for step in error.absolute_path) or "the manifest"
