"""The gate: when a selfie is good enough to be looked at.

Every check has a raw measure of :mod:`detectors.quality`, limits on it, and a component, 0..100,
that says how far from a limit it is: the sigmoid of OFIQ, 100 / (1 + exp((centre − x) / width)).
A selfie is valid when no limit is broken. The unified score is the weakest component, since one
defect is enough to spoil a selfie, and no sharpness makes up for closed eyes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, NamedTuple, Self

from pydantic import Field, TypeAdapter, model_validator

from detectors.contracts import Measures, logistic
from fusion.strict import Strict


class Edge(Strict):
    """One limit of a measure.

    Attributes:
        limit: the last value that passes.
        width: of the sigmoid, in units of the measure: one width
            beyond its centre, the component is 73 or 27.
        centre: where the component is 50; the limit by default.
    """

    limit: float
    width: float = Field(gt=0)
    centre: float | None = None

    @property
    def middle(self) -> float:
        """Where the component is 50."""
        return self.limit if self.centre is None else self.centre

    def component(self, above: float) -> float:
        """0..100 for a value that is ``above`` the middle, on the good side of it."""
        return 100.0 * logistic(above / self.width)


class Check(Strict):
    """The limits of one measure: at least, at most, or both."""

    least: Edge | None = None
    most: Edge | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.least is None and self.most is None:
            raise ValueError("give `least`, `most` or both; null turns the check off")
        if self.least and self.most and self.least.limit > self.most.limit:
            raise ValueError("least.limit is above most.limit")
        return self


class _Subject(NamedTuple):
    """What a check is about.

    Attributes:
        measure: of the selfie.
        low, high: words for a value below or above the limits; None where there can be no such
            limit.
        magnitude: whether its sign does not matter.
    """

    measure: str
    low: str | None = None
    high: str | None = None
    magnitude: bool = False


SUBJECTS: Mapping[str, _Subject] = {
    "brightness": _Subject("brightness", low="low_brightness", high="high_brightness"),
    "blur": _Subject("blur_variance", low="blur"),
    "face_size": _Subject("face_coverage", low="face_too_small", high="face_too_close"),
    "resolution": _Subject("interocular_px", low="low_resolution"),
    "faces": _Subject("faces", high="several_faces"),
    "margin": _Subject("margin", low="face_at_edge"),
    "yaw": _Subject("yaw_deg", high="head_turned", magnitude=True),
    "pitch": _Subject("pitch_deg", high="head_nodded", magnitude=True),
    "roll": _Subject("roll_deg", high="head_tilted", magnitude=True),
    "eyes": _Subject("lighter_eye", low="eyes_covered"),
    "each_eye": _Subject("darker_eye", low="eye_covered"),
    "eyes_open": _Subject("eye_open", low="eyes_closed"),
    "mouth": _Subject("mouth_open", high="mouth_open"),
    "sharpness": _Subject("face_sharpness", low="face_blurry"),
    "shadows": _Subject("face_dark", high="face_dark"),
    "highlights": _Subject("face_bright", high="face_bright"),
    "evenness": _Subject("light_ratio", low="uneven_light"),
    "compression": _Subject("blockiness", high="compressed"),
}
"""Every check, in the order of the reasons; the fields of :class:`QualityPolicy`."""

NO_FACE = "no_face"

CHECK_OF: Mapping[str, str] = {NO_FACE: "face"} | {
    word: name for name, subject in SUBJECTS.items() for word in (subject.low, subject.high) if word
}
"""Each reason's check."""

SENTENCES: Mapping[str, str] = {
    "low_brightness": "Bad lighting",
    "high_brightness": "Bad lighting",
    "blur": "Image blurry",
    NO_FACE: "No face found",
    "face_too_small": "Face too small/far",
    "face_too_close": "Face too large/close",
    "low_resolution": "Too few pixels on the face",
    "several_faces": "More than one face",
    "face_at_edge": "Face at the edge of the image",
    "head_turned": "Head turned to the side",
    "head_nodded": "Head turned up or down",
    "head_tilted": "Head tilted",
    "eyes_covered": "Eyes covered",
    "eye_covered": "An eye is covered",
    "eyes_closed": "Eyes closed",
    "mouth_open": "Mouth open",
    "face_blurry": "Face blurry",
    "face_dark": "Face too dark",
    "face_bright": "Face too bright",
    "uneven_light": "Light from one side",
    "compressed": "Image compressed too much",
}
"""Each reason for people; those of the reference's own checks are the reference's."""


class QualityPolicy(Strict):
    """What the gate asks of a selfie; a check that is null is not made.

    The defaults are the reference's: mean grey of the frame 40 to 230, variance of the Laplacian
    300, a tenth of the frame. :data:`SUBJECTS` names the measure of each check.
    """

    brightness: Check | None = Check(
        least=Edge(limit=40.0, width=10.0), most=Edge(limit=230.0, width=10.0)
    )
    blur: Check | None = Check(least=Edge(limit=300.0, width=100.0))
    face_size: Check | None = Check(least=Edge(limit=0.10, width=0.02))
    resolution: Check | None = None
    faces: Check | None = None
    margin: Check | None = None
    yaw: Check | None = None
    pitch: Check | None = None
    roll: Check | None = None
    eyes: Check | None = None
    each_eye: Check | None = None
    eyes_open: Check | None = None
    mouth: Check | None = None
    sharpness: Check | None = None
    shadows: Check | None = None
    highlights: Check | None = None
    evenness: Check | None = None
    compression: Check | None = None

    @model_validator(mode="after")
    def _meaningful(self) -> Self:
        for name, subject in SUBJECTS.items():
            check = self.check(name)
            if check and check.least and subject.low is None:
                raise ValueError(f"{name}: {subject.measure} cannot be too low; give `most` only")
            if check and check.most and subject.high is None:
                raise ValueError(f"{name}: {subject.measure} cannot be too high; give `least` only")
        return self

    def check(self, name: str) -> Check | None:
        """Return the limits of one check, or None where it is not made."""
        check: Check | None = getattr(self, name)
        return check


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the gate makes of a selfie.

    Attributes:
        is_valid: whether no limit is broken.
        score: the weakest component, 0..100.
        components: of ``face`` (100 when there is one) and every check that could be made, 0..100;
            50 is at the limit unless the policy puts the centre elsewhere.
        reasons: words for the limits that are broken, in the order of :data:`SUBJECTS`.
    """

    is_valid: bool
    score: float
    components: Mapping[str, float]
    reasons: tuple[str, ...] = ()

    def failed_scores(self) -> dict[str, float]:
        """Component / 100 of each check that failed, by its name: ``QUALITY_FAILED``'s scores."""
        failed = (CHECK_OF[word] for word in self.reasons)
        return {name: self.components[name] / 100.0 for name in failed}


def assess(policy: QualityPolicy, measures: Measures) -> Assessment:
    """Hold the measures of a selfie against a policy.

    Args:
        policy: limits and sigmoids.
        measures: of :class:`detectors.face.Located`. A check whose measure is not there is not
            made; without a face, that is ``no_face`` and not a pass.
    """
    found = "face_px" in measures
    components: dict[str, float] = {"face": 100.0 if found else 0.0}
    reasons = [] if found else [NO_FACE]
    for name, subject in SUBJECTS.items():
        check, value = policy.check(name), measures.get(subject.measure)
        if check is None or value is None or (name == "faces" and not found):
            continue
        component, word = _held(check, subject, abs(value) if subject.magnitude else value)
        components[name] = component
        if word is not None:
            reasons.append(word)
    return Assessment(not reasons, min(components.values()), components, tuple(reasons))


def assessed(policy: QualityPolicy, measures: Measures) -> Assessment | None:
    """Assess what is on record; None where the selfie was not measured for the gate."""
    return assess(policy, measures) if "brightness" in measures else None


def _held(check: Check, subject: _Subject, value: float) -> tuple[float, str | None]:
    """Component of a value, and the word for the limit that it breaks."""
    component, word = 100.0, None
    if check.least:
        component = min(component, check.least.component(value - check.least.middle))
        word = subject.low if value < check.least.limit else word
    if check.most:
        component = min(component, check.most.component(check.most.middle - value))
        word = subject.high if value > check.most.limit else word
    return component, word


class QualityRefused(Exception):
    """A selfie did not pass the gate."""

    def __init__(self, assessment: Assessment) -> None:
        super().__init__(assessment)  # so that it can be pickled
        self.assessment = assessment

    def __str__(self) -> str:
        return f"the selfie is refused: {', '.join(self.assessment.reasons)}"


# Not tuple[int, int, int, int], which FastAPI does not put into OpenAPI as JSON Schema has it.
FourIntegers = Annotated[tuple[int, ...], Field(min_length=4, max_length=4)]


@dataclass(frozen=True, slots=True)
class QualityResult:
    """The reference's result object, with what the gate adds.

    Attributes:
        is_valid: whether no limit is broken.
        scores: raw measures: the reference's ``brightness``, ``blur_variance`` and
            ``face_coverage`` (0 without a face), and all others.
        reasons: a sentence for each thing that is wrong.
        face_bbox: x, y, width and height of the largest face in pixels, or None.
        words: the same reasons as stable words.
        score: the weakest component, 0..100.
        components: of :class:`Assessment`.
    """

    is_valid: bool
    scores: Mapping[str, float]
    reasons: tuple[str, ...]
    face_bbox: FourIntegers | None
    words: tuple[str, ...]
    score: float
    components: Mapping[str, float]

    def to_json(self) -> bytes:
        """Serialise to JSON."""
        return _RESULT_JSON.dump_json(self)


def result(
    policy: QualityPolicy, measures: Measures, box: tuple[float, float, float, float] | None
) -> QualityResult:
    """Assess a selfie in the reference's terms.

    Args:
        policy: limits and sigmoids.
        measures: of :class:`detectors.face.Located`.
        box: x0, y0, x1, y1 of the largest face in pixels of the frame, or None.
    """
    assessment = assess(policy, measures)
    bbox: tuple[int, ...] | None = None
    if box is not None:
        x0, y0, x1, y1 = map(round, box)
        bbox = (x0, y0, x1 - x0, y1 - y0)
    return QualityResult(
        is_valid=assessment.is_valid,
        scores={"face_coverage": 0.0, **measures},
        reasons=tuple(dict.fromkeys(SENTENCES[word] for word in assessment.reasons)),
        face_bbox=bbox,
        words=assessment.reasons,
        score=assessment.score,
        components=assessment.components,
    )


_RESULT_JSON = TypeAdapter(QualityResult)
