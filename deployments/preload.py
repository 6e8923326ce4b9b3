"""What Ray imports in every process that it starts, before there is work for it.

Serve imports pandas wherever that is installed, to be able to answer with data frames. Palisade has
it for Ray Data and answers with none; and it is 0.4 s of CPU and 31 MB in each of two dozen
processes. So pandas hides for as long as Serve looks for it. Whoever needs it later finds it.
"""

from __future__ import annotations

import sys
from typing import Any

_modules: dict[str, Any] = sys.modules  # None makes an import raise ImportError
if "pandas" not in _modules:
    _modules["pandas"] = None
    try:
        import ray.serve._private.utils  # noqa: F401
    finally:
        del _modules["pandas"]
