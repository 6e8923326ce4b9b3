"""The regression suite: what each detector makes of each species has bounds, in bounds.yaml."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import yaml

from detectors.face import FaceProblem
from detectors.registry import DETECTORS
from evaluation.attacks import BONA_FIDE, CLIPS, STILLS
from evaluation.attacks.witness import Witness, score_of
from fusion.policy import load_policy

BOUNDS = yaml.safe_load((Path(__file__).parent / "bounds.yaml").read_text("utf-8"))
SEEDS = (1, 2, 3)
WEIGHTS = "weights"
POLICY = load_policy("hardened")


def claims(section):
    """Each signal or measure and species of a section, and how it is bounded."""
    return [
        pytest.param(
            name,
            species,
            bound,
            id=f"{name}-{species}",
            marks=[pytest.mark.weights] if entries.get(WEIGHTS) else [],
        )
        for name, entries in BOUNDS[section].items()
        for species, bound in entries.items()
        if species != WEIGHTS
    ]


def within(value, bound):
    return bound.get("least", -float("inf")) <= value <= bound.get("most", float("inf"))


@cache
def witness(name):
    return Witness(POLICY, [name])


@pytest.fixture(scope="module")
def pictures(portrait):
    """Every species, once with each seed."""
    makers = {"bona_fide": BONA_FIDE, **STILLS}
    return cache(lambda species, seed: makers[species](portrait, seed))


@pytest.fixture(scope="module")
def clips(recording, head_turning, face_blinking):
    known = {"head_turning": head_turning, "face_blinking": face_blinking}

    def make(species):
        return known[species] if species in known else CLIPS[species](recording, SEEDS[0])

    return cache(make)


@pytest.fixture
def needs_weights(request):
    if request.node.get_closest_marker("weights"):
        request.getfixturevalue("models_dir")


@pytest.mark.parametrize(("name", "species", "bound"), claims("stills"))
@pytest.mark.usefixtures("needs_weights")
def test_stills(name, species, bound, pictures):
    scores = [score_of(witness(name)(pictures(species, s)).signals[name]) for s in SEEDS]
    assert None not in scores
    assert all(within(score, bound) for score in scores), scores


@pytest.mark.parametrize(("name", "species", "bound"), claims("clips"))
@pytest.mark.usefixtures("needs_weights")
def test_clips(name, species, bound, clips):
    frames = clips(species)
    score = score_of(witness(name)(frames[0].pixels, frames).signals[name])
    assert score is not None
    assert within(score, bound), score


@pytest.mark.parametrize(("name", "species", "bound"), claims("quality"))
def test_quality(name, species, bound, pictures):
    values = [witness("recapture")(pictures(species, seed)).quality[name] for seed in SEEDS]
    assert all(within(value, bound) for value in values), values


@pytest.mark.parametrize(("species", "problem"), BOUNDS["problems"].items())
def test_problems(species, problem, clips):
    frames = clips(species)
    assert witness("recapture")(frames[0].pixels, frames).problems == (FaceProblem(problem),)
    assert problem in POLICY.review_on


@pytest.mark.parametrize("species", ["head_turning", "face_blinking"])
def test_bona_fide_clips_have_no_problem(species, clips):
    frames = clips(species)
    assert witness("recapture")(frames[0].pixels, frames).problems == ()


def test_regular_times_are_on_record(clips):
    unevenness = {
        species: witness("recapture")(clips(species)[0].pixels, clips(species)).quality[
            "clip_unevenness"
        ]
        for species in ("face_blinking", "injected_regular")
    }
    assert unevenness["injected_regular"] == pytest.approx(0, abs=1e-6)
    assert unevenness["face_blinking"] > 0.01


def test_every_species_is_bounded_or_said_to_be_unseen():
    sections = [BOUNDS[name].values() for name in ("stills", "clips", "quality")]
    bounded = {species for section in sections for entries in section for species in entries}
    bounded |= set(BOUNDS["problems"])
    species = {*STILLS, *CLIPS}
    assert species <= bounded | set(BOUNDS["unseen"])
    assert not bounded & set(BOUNDS["unseen"])
    bona_fide = {"bona_fide", "head_turning", "face_blinking", WEIGHTS}
    assert bounded - species == bona_fide


def test_every_detector_that_is_bounded_is_in_the_graph_and_passes_the_bona_fide():
    names = {detector.name for detector in DETECTORS}
    for section, bona_fide in (
        ("stills", {"bona_fide"}),
        ("clips", {"head_turning", "face_blinking"}),
    ):
        for name, entries in BOUNDS[section].items():
            assert name in names
            assert any("least" in entries[species] for species in bona_fide & set(entries))


def seen_by(species):
    """How docs/ATTACKS.md says what sees a species."""
    said = [
        f"`{name}` {'≤' if 'most' in bound else '≥'} {next(iter(bound.values())):.3g}"
        for section in ("stills", "clips", "quality")
        for name, entries in BOUNDS[section].items()
        if (bound := entries.get(species))
    ]
    if species in BOUNDS["problems"]:
        said.append(f"problem `{BOUNDS['problems'][species]}`")
    return "; ".join(said) or f"nothing. {BOUNDS['unseen'][species]}"


@pytest.mark.parametrize("species", [*STILLS, *CLIPS])
def test_the_docs_publish_the_bounds(species):
    docs = Path(__file__).parents[3] / "docs" / "ATTACKS.md"
    rows = [
        row for row in docs.read_text("utf-8").splitlines() if row.startswith(f"| `{species}` |")
    ]
    assert len(rows) == 1
    assert rows[0].endswith(f"| {seen_by(species)} |")
