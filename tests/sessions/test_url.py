from __future__ import annotations

from pathlib import Path

import pytest

from sessions.errors import StoreError
from sessions.url import shown, spool_folder, store_url


def test_the_default_is_sqlite_in_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert store_url({}).drivername == "sqlite"
    assert store_url({}).database == str(tmp_path / "palisade" / "sessions.db")
    assert spool_folder({}) == tmp_path / "palisade" / "spool"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_by_any_name_is_psycopg(scheme: str) -> None:
    assert store_url({"PALISADE_STORE": f"{scheme}://u@h/d"}).drivername == "postgresql+psycopg"


def test_the_spool_lies_beside_the_file_or_where_it_is_told() -> None:
    store = {"PALISADE_STORE": "sqlite:////var/lib/palisade.db"}
    assert spool_folder(store) == Path("/var/lib/spool")
    assert spool_folder({**store, "PALISADE_SPOOL": "/elsewhere"}) == Path("/elsewhere")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "not a database URL"),
        ("mysql://u:s3cret@h/d", "mysql"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("postgresql://u:s3cret@h:port/d", "not a database URL"),
    ],
)
def test_a_wrong_url_is_named_without_its_password(url: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as caught:
        store_url({"PALISADE_STORE": url})
    assert "s3cret" not in str(caught.value)


def test_people_see_no_password() -> None:
    assert "s3cret" not in shown(store_url({"PALISADE_STORE": "postgresql://u:s3cret@h/d"}))
