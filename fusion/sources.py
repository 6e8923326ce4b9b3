"""Read a YAML mapping that is shipped with a package, or lies in a file of the operator's."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import yaml


class SourceError(Exception):
    """A file cannot be used; the message names it and says why, in one line."""


def read_mapping(source: str | Path, package: str, shipped: tuple[str, ...]) -> dict[str, Any]:
    """Read ``source``.

    Args:
        source: a shipped name, or the path of a file.
        package: where ``NAME.yaml`` lies for each shipped name.
        shipped: the names.

    Raises:
        SourceError: the file cannot be read or is not a YAML mapping.
    """
    try:
        if source in shipped:
            text = resources.files(package).joinpath(f"{source}.yaml").read_text("utf-8")
        else:
            text = Path(source).read_text("utf-8")
        raw = yaml.safe_load(text)
    except OSError as error:
        hint = f" or one of {', '.join(shipped)}" if shipped else ""
        raise SourceError(
            f"{source}: {error.strerror}; give the path of a YAML file{hint}"
        ) from None
    except UnicodeDecodeError:
        raise SourceError(f"{source}: not UTF-8 text") from None
    except yaml.YAMLError as error:
        raise SourceError(f"{source}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise SourceError(f"{source}: expected a mapping of names to values")
    return raw
