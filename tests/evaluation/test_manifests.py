from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.errors import EvaluationError
from evaluation.items import bona_fide, read_items
from evaluation.manifests import SETS, edited_photograph, rows_of
from evaluation.truth import true_lines, true_text


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "manifest.csv").write_text(
        "path,label,kind,subject,note\n"
        "moire/ann/screen/1 (2).jpeg,screen,,ann,x\n"
        "documents/barcodes/zxing_cpp/pdf417-2/11.webp,barcode,,x,\n"
        "documents/barcodes/zxing_cpp/pdf417-2/11.txt,barcode,,x,\n"
        "documents/barcodes/zxing_js/pdf417-2/11.png,barcode,,x,\n"
    )
    return tmp_path


def test_rows_of_a_set(data: Path) -> None:
    assert rows_of("moire", data) == [
        {
            "path": f"{data}/moire/ann/screen/1 (2).jpeg",
            "label": "screen",
            "kind": "",
            "subject": "ann",
        }
    ]


def test_one_photograph_in_two_formats_is_one_subject(data: Path) -> None:
    rows = rows_of("barcode", data)
    assert [row["kind"] for row in rows] == ["zxing_cpp/pdf417-2", "zxing_js/pdf417-2"]
    assert {row["subject"] for row in rows} == {"pdf417-2/11"}


@pytest.mark.parametrize(
    ("name", "photograph"),
    [
        ("Au_ani_00006.jpg", "ani00006"),
        ("Tp_D_CRN_M_N_ani10112_ani10119_11624.jpg", "ani10112"),
        ("Tp_S_NNN_S_N_ani20009_ani20009_02052.jpg", "ani20009"),
    ],
)
def test_the_photograph_that_was_edited(name: str, photograph: str) -> None:
    assert edited_photograph({"path": f"tamper/casia2_subset/x/{name}"}) == photograph


def test_whom_and_what_a_set_shows(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(
        "path,label,kind,subject\n"
        "faces/utkface_200/1.jpg,real,age=30 sex=F race=Indian,utkface\n"
        "synthetic/ffhq_real/1.png,real,FFHQ,\n"
        "synthetic/whole/sd3_portraits_1024/1.jpg,fake,Stable Diffusion 3,\n"
        "synthetic/gan_512/1.png,fake,GAN portraits,\n"
    )
    (woman,) = rows_of("utkface", tmp_path)
    assert (woman["sex"], woman["group"], woman["subject"]) == ("F", "Indian", "")
    found = [(row["kind"], row["family"]) for row in rows_of("synthetic", tmp_path)]
    assert found == [("", ""), ("Stable Diffusion 3", "diffusion"), ("GAN portraits", "GAN")]


def test_a_set_that_is_not_there(data: Path) -> None:
    with pytest.raises(EvaluationError, match="no images in documents/mrz_docs/"):
        rows_of("mrz-documents", data)


def test_as_a_command(data: Path) -> None:
    def run(name: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "evaluation.manifests", name, str(data), str(data / "o")]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    done = run("barcode")
    assert (done.returncode, done.stderr) == (0, "")
    with (data / "o").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2
    failed = run("odd")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert len(failed.stderr.splitlines()) == 1
    assert "there is no set 'odd'" in failed.stderr


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "images", "subjects"),
    [
        ("pad-devel", 720, 15),
        ("pad-train", 720, 15),
        ("pad-collectors", 80, 4),
        ("pad-samples", 21, 7),
        ("moire", 80, 5),
        ("tamper", 118, 109),
        ("barcode", 136, 94),
        ("mrz", 316, 150),
        ("mrz-documents", 37, 34),
    ],
)
def test_the_real_data(
    name: str, images: int, subjects: int, data_dir: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.csv"
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, ("path", "label", "kind", "subject"))
        writer.writeheader()
        writer.writerows(rows_of(name, data_dir))
    items = read_items(str(manifest))
    assert len(items.images) == images
    assert len({item.subject for item in items.images}) == subjects
    assert all(Path(item.location).is_file() for item in items.images)
    if name in ("moire", "tamper"):
        assert 0 < bona_fide(items).sum() < images
    elif name == "mrz":
        assert all(len(true_lines(item)) == 1 for item in items.images)
    elif name == "barcode":
        assert sum(true_text(item) is not None for item in items.images) == 122


def test_every_set_has_a_row_in_the_table_of_the_module() -> None:
    import evaluation.manifests as module

    assert module.__doc__ is not None
    for name, choice in SETS.items():
        assert any(
            line.startswith(f"{name} ") and choice.folder in line
            for line in module.__doc__.splitlines()
        )
