from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from evaluation.attacks import CLIPS, STILLS
from evaluation.attacks.__main__ import main, write
from evaluation.items import bona_fide, read_items
from media.clips import read_clip

app = Typer()
app.command()(main)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def picture(portrait, tmp_path_factory):
    file = tmp_path_factory.mktemp("face") / "collins.png"
    cv2.imwrite(str(file), portrait.pixels[..., ::-1])
    return file


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_manifest_that_pad_reads(picture, tmp_path):
    chosen = ("print_flat", "swap_blend", "injected_frozen")
    assert write(picture, tmp_path / "out", chosen, (3, 4)) == 6
    items = read_items(str(tmp_path / "out" / "manifest.csv")).images
    assert [item.kind for item in items] == ["live", "print_flat", "swap_blend"] * 2
    assert {item.subject for item in items} == {"collins"}
    made = read_items(str(tmp_path / "out" / "manifest.csv"))
    assert bona_fide(made).tolist() == [True, False, False] * 2
    assert all(cv2.imread(item.location).shape == (480, 480, 3) for item in items)
    assert rows(tmp_path / "out" / "clips.csv") == []  # a frozen clip takes a clip


def test_the_same_arguments_write_the_same_files(picture, tmp_path):
    for name in ("one", "two"):
        assert run(picture, tmp_path / name, "--species", "replay_close").exit_code == 0
    one, two = (sorted((tmp_path / name).iterdir()) for name in ("one", "two"))
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]


def test_clips_keep_their_times(picture, recording, tmp_path):
    """From a picture to a clip of it, and from that clip to injections."""
    assert write(picture, tmp_path / "held", ("photo_shaken",), (1,)) == 2
    (held,) = rows(tmp_path / "held" / "clips.csv")
    assert (held["label"], held["kind"]) == ("attack", "photo_shaken")
    clip = tmp_path / "held" / held["path"]
    assert write(clip, tmp_path / "fed", ("injected_looped",), (1,)) == 3
    fed = {row["kind"]: row["path"] for row in rows(tmp_path / "fed" / "clips.csv")}
    assert set(fed) == {"live", "injected_looped"}
    looped = list(read_clip((tmp_path / "fed" / fed["injected_looped"]).read_bytes()))
    times = [frame.time for frame in looped]
    np.testing.assert_allclose(times, np.arange(90) / 30, atol=1e-3)
    # Encoding is lossy, and what returns is nearly the same.
    again = np.abs(looped[0].pixels.astype(int) - looped[30].pixels).mean()
    moved = np.abs(looped[0].pixels.astype(int) - looped[15].pixels).mean()
    assert again < 0.6 * moved


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--species", "hologram"), "no species 'hologram'"),
        (("--species", "print_flat"), "is not empty"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments, words, picture, tmp_path):
    (tmp_path / "there").write_text("already")
    result = run(picture, tmp_path, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [("wall.png", "no face"), ("words.txt", ""), ("missing.png", "No such file")],
)
def test_a_file_without_a_face_is_one_line(name, words, tmp_path):
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((300, 300, 3), 120, np.uint8))
    (tmp_path / "words.txt").write_text("no picture")
    result = run(tmp_path / name, tmp_path / "out")
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_names_of_species_are_words():
    assert len({*STILLS, *CLIPS}) == len(STILLS) + len(CLIPS)
    assert all(name.isidentifier() for name in (*STILLS, *CLIPS))
