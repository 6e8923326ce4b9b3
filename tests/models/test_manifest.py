from __future__ import annotations

import pytest

from models import manifest

ENTRY = {
    "file": '"a.onnx"',
    "purpose": '"p"',
    "url": '"https://example.org/a.onnx"',
    "sha256": f'"{"0" * 64}"',
    "bytes": "3",
    "licence": '"MIT"',
    "licence_note": '"n"',
    "input": '"i"',
    "output": '"o"',
    "intended_use": '"u"',
    "limits": '"l"',
}


def toml(**changes: str | None) -> str:
    entry = {key: value for key, value in (ENTRY | changes).items() if value is not None}
    return "[a]\n" + "\n".join(f"{key} = {value}" for key, value in entry.items())


def test_an_entry_becomes_a_record() -> None:
    model = manifest.parse(toml())["a"]
    assert (model.name, model.file, model.bytes, model.licence) == ("a", "a.onnx", 3, "MIT")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"licencse": '"MIT"'}, "unknown or missing keys: licencse"),
        ({"limits": None}, "unknown or missing keys: limits"),
        ({"name": '"b"'}, "unknown or missing keys: name"),
        ({"bytes": '"3"'}, "a.bytes must be of type int"),
        ({"bytes": "true"}, "a.bytes must be of type int"),
        ({"bytes": "0"}, "a.bytes must be positive"),
        ({"research_only": "1"}, "a.research_only must be of type bool"),
        ({"purpose": "1"}, "a.purpose must be of type str"),
        ({"sha256": '"abc"'}, "a.sha256 must be 64"),
        ({"sha256": f'"{"A" * 64}"'}, "a.sha256 must be 64"),
        ({"url": '"http://example.org/a"'}, "https://"),
        ({"file": '"../a.onnx"'}, "bare file name"),
        ({"file": '".."'}, "bare file name"),
        ({"file": '""'}, "bare file name"),
    ],
)
def test_a_malformed_entry_is_refused(changes: dict[str, str | None], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        manifest.parse(toml(**changes))


def test_terms_of_research_are_said_and_none_otherwise() -> None:
    assert manifest.parse(toml(research_only="true"))["a"].research_only is True
    assert manifest.parse(toml())["a"].research_only is False
    of_research = {model.name for model in manifest.models().values() if model.research_only}
    assert of_research == {"minifasnet_v2se"}


def test_a_value_that_is_not_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="stray must be a table"):
        manifest.parse("stray = 1")


def test_the_shipped_manifest_pins_what_the_graph_uses() -> None:
    models = manifest.models()
    assert {"face_landmarker", "depth_anything_v2_small"} <= models.keys()
    assert len({model.file for model in models.values()}) == len(models)
    assert not [model.url for model in models.values() if "/main/" in model.url]
