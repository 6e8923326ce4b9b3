"""A local object store that speaks S3: the process of `moto_server`."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

BUCKET = "archive"


@contextmanager
def object_store() -> Iterator[dict[str, str]]:
    """Run an empty store with one bucket; yields the environment by which clients find it."""
    server = os.environ.get("PALISADE_TEST_MOTO")
    if not server:
        pytest.skip("PALISADE_TEST_MOTO is not set to the path of moto_server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [server, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Its packages are not ours.
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    try:
        give_up = time.monotonic() + 30
        while not _answers(port):
            assert time.monotonic() < give_up, "moto_server did not start"
            time.sleep(0.1)
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def put(environment: dict[str, str], files: dict[str, bytes]) -> None:
    """Write files into the bucket."""
    from pyarrow import fs

    store = fs.S3FileSystem(
        endpoint_override=environment["AWS_ENDPOINT_URL"],
        region=environment["AWS_REGION"],
        access_key=environment["AWS_ACCESS_KEY_ID"],
        secret_key=environment["AWS_SECRET_ACCESS_KEY"],
        allow_bucket_creation=True,
    )
    store.create_dir(BUCKET)
    for name, content in files.items():
        with store.open_output_stream(f"{BUCKET}/{name}") as stream:
            stream.write(content)
