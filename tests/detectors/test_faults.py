from __future__ import annotations

from detectors.faults import whereabouts


def fails() -> None:
    raise ValueError("a name and 12.5 pixels")


def test_the_type_and_the_place_are_named_but_not_the_message() -> None:
    try:
        fails()
    except ValueError as error:
        said = whereabouts(error)
    assert said.startswith("ValueError < test_faults.py:7 fails < test_faults.py:12 test_the_type")
    assert "a name" not in said


def test_an_exception_that_was_never_raised_has_a_type_only() -> None:
    assert whereabouts(KeyError("secret")) == "KeyError"
