"""The Serve configuration, checked as strictly as the policy.

Ray's own loader ignores a misspelt field of a deployment; a replica count that silently stays 1
is found out under load. Here every key, argument and deployment name is checked before anything
starts.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ray.serve.config import AutoscalingConfig
from ray.serve.schema import ServeApplicationSchema, ServeDeploySchema

from deployments.bound import is_loopback
from deployments.errors import ConfigError
from deployments.problems import explain
from deployments.settings import Settings
from fusion.policy import Policy, PolicyError, load_policy
from fusion.sources import SourceError, read_mapping

PROFILES = ("cpu", "gpu")


def read_config(source: str | Path) -> dict[str, Any]:
    """Read a Serve configuration.

    Args:
        source: ``cpu``, ``gpu`` or the path of a YAML file.

    Raises:
        ConfigError: the file cannot be read or is not a YAML mapping.
    """
    try:
        return read_mapping(source, "deployments", PROFILES)
    except SourceError as error:
        raise ConfigError(str(error)) from None


def with_policy(raw: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    """Return the configuration with ``policy`` as the ``user_config`` of Fusion.

    The content is put in, not the name, so that a cluster elsewhere needs no file of ours.
    """
    chosen = {"policy": policy.model_dump(mode="json")}
    return {
        **raw,
        "applications": [
            {
                **application,
                "deployments": [
                    {**node, "user_config": chosen} if node.get("name") == "Fusion" else node
                    for node in application.get("deployments", [])
                ],
            }
            for application in raw.get("applications", [])
        ],
    }


def with_open_door(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with a door that asks nobody for a key; for loopback only."""
    return {
        **raw,
        "applications": [
            {**application, "args": {**application.get("args", {}), "access": "open"}}
            for application in raw.get("applications", [])
        ],
    }


def without_nodes(raw: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return the configuration of a graph that goes without some signals."""
    return {
        **raw,
        "applications": [
            {
                **application,
                "args": {**application.get("args", {}), "without": sorted(names)},
                "deployments": [
                    node
                    for node in application.get("deployments", [])
                    if node.get("name") not in names
                ],
            }
            for application in raw.get("applications", [])
        ],
    }


def check_config(raw: Mapping[str, Any], known: frozenset[str]) -> ServeDeploySchema:
    """Check every key and value of a Serve configuration.

    Args:
        raw: the parsed YAML.
        known: names of the graph's deployments.

    Raises:
        ConfigError: a key, an argument, a policy or a deployment name is wrong.
    """
    try:
        schema = ServeDeploySchema.model_validate(raw, extra="forbid")
        for application in schema.applications:
            settings = Settings.model_validate(application.args)
            if settings.access == "open" and not is_loopback(schema.http_options.host):
                raise ConfigError(
                    "Serve config: args.access: `open` needs no key of anybody, so "
                    f"http_options.host must be a loopback address, not {schema.http_options.host}"
                )
            for deployment in application.deployments:
                scaling = deployment.autoscaling_config
                if isinstance(scaling, dict):  # Serve takes any mapping here
                    AutoscalingConfig.model_validate(scaling, extra="forbid")
    except ValidationError as error:
        raise ConfigError(f"Serve config: {explain(error.errors())}") from None
    for application in schema.applications:
        _check_names(application, known)
    return schema


def _check_names(application: ServeApplicationSchema, known: frozenset[str]) -> None:
    for deployment in application.deployments:
        if deployment.name not in known:
            raise ConfigError(
                f"Serve config: the graph has no deployment {deployment.name!r}; "
                f"it has {', '.join(sorted(known))}"
            )
        if deployment.name == "Fusion" and isinstance(deployment.user_config, dict):
            try:
                load_policy(deployment.user_config["policy"], os.environ)
            except KeyError:
                raise ConfigError("Serve config: Fusion: user_config needs `policy`") from None
            except PolicyError as error:
                raise ConfigError(f"Serve config: Fusion: {error}") from None
