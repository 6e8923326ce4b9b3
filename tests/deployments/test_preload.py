from __future__ import annotations

import subprocess
import sys


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_serve_comes_without_pandas_which_is_there_for_whoever_needs_it() -> None:
    there = "print(*map(sys.modules.__contains__, ('ray.serve', 'pandas')))"
    hidden = f"import deployments.preload, sys; {there}"
    needed = "import pandas; print(pandas.DataFrame({'a': [1]}).size)"
    assert run(f"{hidden}; {needed}").split() == ["True", "False", "1"]


def test_a_pandas_that_is_there_already_stays() -> None:
    told = run("import pandas, deployments.preload, sys; print(sys.modules['pandas'] is pandas)")
    assert told == "True"


def test_by_itself_serve_brings_pandas() -> None:
    """Where this fails, Ray has mended its ways, and the module can go."""
    assert run("import ray.serve, sys; print('pandas' in sys.modules)") == "True"
