"""The sets of real data whose results are published."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from benchmarks.looks import OneFace, OneSize, Windows
from evaluation.items import Item
from evaluation.manifests import people_of
from evaluation.sessions import Look, Whole


@dataclass(frozen=True, slots=True)
class DataSet:
    """Genuine captures and attacks of one kind.

    Attributes:
        name: in the tables.
        real: folders of the genuine captures.
        attack: folders of the attacks.
        what: is in it, in a few words.
        look: what is done to them, and how they are measured.
        per_class: at most so many of each.
    """

    name: str
    real: tuple[str, ...]
    attack: tuple[str, ...]
    what: str
    look: Look = field(default_factory=Whole)
    per_class: int | None = None

    def described(self, item: Item) -> Item:
        """Tell people and their groups apart where the kind of a row does."""
        if people := people_of(item.row):
            return replace(item, row={**item.row, "subject": item.path, **people})
        return item


REPLAY_ATTACK = ("replay_attack devel", "replay_attack train")
"""Two halves with different people: a threshold chosen on one is judged on the other."""

OTHER_SOURCES = ("collectors", "samples")
PEOPLE = "utkface"

FFHQ = ("synthetic/ffhq_real/",)
LIVE_CLIPS = ("videos/live/", "videos/pulse/")
GENERATORS = {
    "stylegan2": ("synthetic/stylegan2/", "StyleGAN2"),
    "sd3": ("synthetic/sd3_portraits/", "Stable Diffusion 3"),
    "gan_512": ("synthetic/gan_512/", "a GAN of 512 px"),
}

SETS: tuple[DataSet, ...] = (
    *(
        DataSet(name, (folder,), (folder,), "Replay-Attack: live, prints, telephones, tablets")
        for name, folder in zip(
            REPLAY_ATTACK, ("pad/replay_attack/devel/", "pad/replay_attack/train/"), strict=True
        )
    ),
    DataSet(
        "collectors", ("pad/collectors/",), ("pad/collectors/",), "four collectors, close crops"
    ),
    DataSet("samples", ("pad/samples/",), ("pad/samples/",), "two projects' prints and screens"),
    *(
        DataSet(f"{name}, {words}", FFHQ, (folder,), f"{title} against FFHQ", look, 60)
        for name, (folder, title) in GENERATORS.items()
        for look, words in ((OneSize(), "one size"), (OneFace(), "one face scale"))
    ),
    DataSet(
        "whole 1024 px",
        ("synthetic/whole/ffhq_real_1024/",),
        ("synthetic/whole/",),
        "StyleGAN2 and SD3 against FFHQ, whole and as published",
    ),
    DataSet(
        "deepfake validation",
        ("deepfake/validation/real/",),
        ("deepfake/validation/fake/",),
        "manipulated faces of 256 px, OpenForensics-like",
    ),
    DataSet("replayed clips", LIVE_CLIPS, ("videos/replay/",), "clips of screens", Windows()),
    DataSet("deepfake clips", LIVE_CLIPS, ("videos/deepfake/",), "swapped and made", Windows()),
    DataSet(PEOPLE, ("faces/utkface_200/",), (), "50 adults of each sex and group, 200 px"),
)
