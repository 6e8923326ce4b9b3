"""From measured sets to the sections of ``docs/RESULTS.md``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from benchmarks.looks import PULSE, SECONDS, SKIN, WALL
from benchmarks.sets import OTHER_SOURCES, PEOPLE, REPLAY_ATTACK, DataSet
from detectors.contracts import Status
from evaluation import plots
from evaluation.blocks import Block, Heading, Plot, Table, Text
from evaluation.faces import FUSED, UNDECIDED, score_of, signals_here, threshold_of, verdicts
from evaluation.intervals import Figure, Weights, bootstrap, proportion
from evaluation.items import Item
from evaluation.labels import BONA_FIDE
from evaluation.metrics import share
from evaluation.peers import THRESHOLD, peer_scores
from evaluation.scores import EQUAL, Sample, Scoring, Trials, brief, gaps, worst_species
from evaluation.sessions import Session
from fusion.policy import Policy
from fusion.verdict import Decision
from models import store

BETTER, FAITHFUL = "hardened", "faithful"

FOLDER = "results"
"""Of the plots, below that of the page."""

NAMED = 4
"""So many reasons for silence are named."""

Figures = dict[str, Any]
Section = Iterator[Block]


class Measured:
    """A set after the detectors.

    Args:
        of: which set.
        items: N of it.
        parts: what was measured on each: the whole capture first, then windows of clips.
        policies: that judge.
        seed: of the bootstrap.
    """

    def __init__(
        self,
        of: DataSet,
        items: Sequence[Item],
        parts: Sequence[Sequence[Session]],
        policies: Mapping[str, Policy],
        seed: int,
    ) -> None:
        self.of, self.items, self.parts, self.policies, self.seed = of, items, parts, policies, seed
        self.sessions = [first for first, *_ in parts]
        self.bona_fide = np.array([item.label in BONA_FIDE for item in items], bool)
        self.judged = {name: verdicts(p, self.sessions) for name, p in policies.items()}
        self._known: dict[tuple[bytes, float, bytes], dict[str, Figure]] = {}

    def sample(self, policy: str, signal: str) -> Sample:
        """The scores of a signal under a policy."""
        return self._sample([score_of(verdict, signal) for verdict in self.judged[policy]])

    def scoring(self, policy: str, signal: str, other: Measured | None = None) -> Scoring:
        """The same with its threshold, and those of a set that another is chosen on."""
        elsewhere = None if other is None else other.sample(policy, signal)
        threshold = threshold_of(self.policies[policy], signal)
        return Scoring(threshold, {}, self.sample(policy, signal), elsewhere)

    def peers(self, other: Measured | None = None) -> dict[str, Scoring]:
        """Published systems, as far as their networks answered."""
        own, elsewhere = (None if m is None else m.peer_samples() for m in (self, other))
        return {
            name: Scoring(THRESHOLD, {}, sample, (elsewhere or {}).get(name))
            for name, sample in (own or {}).items()
        }

    def peer_samples(self) -> dict[str, Sample]:
        """The scores of published systems."""
        found = peer_scores([session.measured["liveness"] for session in self.sessions])
        return {name: self._sample(scores) for name, scores in found.items()}

    def brief(self, scoring: Scoring) -> dict[str, Figure]:
        """Figures with intervals; worked out once for equal scores."""
        other = b"" if scoring.other is None else scoring.other.scores.tobytes()
        key = (scoring.sample.scores.tobytes(), scoring.threshold, other)
        if key not in self._known:
            self._known[key] = brief(scoring, seed=self.seed, criterion=EQUAL)
        return self._known[key]

    def _sample(self, scores: Sequence[float]) -> Sample:
        return Trials(self.items, self.bona_fide, ()).sample(scores)


Sets = Mapping[str, Measured]


@dataclass(frozen=True, slots=True)
class Goal:
    """Something to reach.

    Attributes:
        what: is measured.
        limit: of the figure.
        above: whether it must be at least the limit, else at most.
        found: figures by the name of what was measured.
    """

    what: str
    limit: float
    above: bool
    found: Mapping[str, Figure]

    @property
    def reached_by(self) -> str:
        """Those that reach it."""
        reached = [
            name
            for name, figure in self.found.items()
            if figure.value is not None
            and (figure.value >= self.limit if self.above else figure.value <= self.limit)
        ]
        return "; ".join(reached) or "none"


def write(about: Figures, sets: Sets, docs: Path) -> tuple[list[Block], Figures]:
    """Work out everything.

    Args:
        about: the command, and what it ran on.
        sets: those that have files, by name.
        docs: folder of the page; plots go below it.

    Returns:
        The page, and the figures by section.
    """
    (docs / FOLDER).mkdir(parents=True, exist_ok=True)
    figures: Figures = {}
    sections = [
        list(section)
        for section in (
            _captures(sets, figures),
            _attacks(sets, figures, docs),
            _elsewhere(sets, figures),
            *(_signal(name, sets, figures) for name in signals_here()),
            _every_signal(sets, docs),
            _sessions(sets, figures),
            _pulses(sets, figures),
            _people(sets, figures),
        )
    ]
    goals = list(_goals(figures))
    return [
        *_introduction(about, sets),
        *_reached(goals),
        *(block for section in sections for block in section),
    ], figures


def _introduction(about: Figures, sets: Sets) -> Section:
    entries = store.entries()
    here = [e.model.name for e in entries if e.path and store.accepted(e.model)]
    absent = [e.model.name for e in entries if e.model.name not in here]
    policies = ", ".join(f"`{name}` {sha[:12]}" for name, sha in about["policies"].items())
    yield Heading("Results", 1)
    yield Text(
        f"Written by `{about['command']}`, not by hand. Policies by SHA-256: {policies}. "
        f"Detectors, libraries and weights together: {about['measured_by'][:12]}."
    )
    yield Text(
        f"Weights that were here: {', '.join(here) or 'none'}. Not here, so that what needs them "
        f"is silent: {', '.join(absent) or 'none'}."
    )
    if about["not_measured"]:
        yield Text(f"**Not measured, for want of files: {', '.join(about['not_measured'])}.**")
    yield Text(
        "Pairs are genuine / attack. AUC: 1 is perfect, 0.5 chance, below 0.5 the wrong way round. "
        "In brackets 95%: of AUC and of rates at chosen thresholds by drawing people again (1000 "
        "times; with fewer than about ten people too narrow), of other shares Clopper and "
        "Pearson's. An interval without width says that drawing again changed nothing, not that "
        "it is certain. An image without a face, or on which a signal abstains, is a non-response: "
        "it is counted, and is in no rate."
    )


def _reached(goals: Sequence[Goal]) -> Section:
    """A table for each sort of goal: of attacks, of the pulse, of finding a face."""
    yield Heading("What was to be reached")
    for names in dict.fromkeys(tuple(sorted(goal.found)) for goal in goals):
        own = [goal for goal in goals if tuple(sorted(goal.found)) == names]
        columns = tuple(own[0].found)
        yield Table(
            ("", "to reach", *columns, "reached by"),
            tuple(
                (
                    goal.what,
                    f"{'≥' if goal.above else '≤'} {goal.limit:g}",
                    *(goal.found[name] for name in columns),
                    goal.reached_by,
                )
                for goal in own
            ),
        )


def _goals(figures: Figures) -> Iterator[Goal]:
    for half, systems in figures.get("attacks", {}).items():
        for key, words in (
            ("hter", "HTER, threshold from the other half"),
            ("apcer_at_bpcer_5", "APCER at BPCER 5%"),
            ("worst_species", "worst species, APCER at BPCER 5%"),
        ):
            found = {name: systems[name][key] for name in _counted(systems)}
            yield Goal(f"{half}: {words}", 0.10 if key == "worst_species" else 0.03, False, found)
    for source, systems in figures.get("elsewhere", {}).items():
        found = {name: systems[name]["auc_with_non_response"] for name in _counted(systems)}
        words = "AUC, nothing refitted, a non-response being a toss-up"
        yield Goal(f"{source}: {words}", 0.95, True, found)
    for source, systems in figures.get("live_sources", {}).items():
        found = {name: systems[name] for name in _counted(systems)}
        yield Goal(f"{source}: BPCER at the threshold that ships", 0.10, False, found)
    for key, found in figures.get("pulse", {}).items():
        if key.startswith(WALL):
            passed = {f"{PULSE}, {BETTER}": found[BETTER]}
            yield Goal(f"{key} s: windows of bare wall that pass as a pulse", 0.02, False, passed)
    for column, gap in figures.get("people", {}).items():
        yield Goal(
            f"UTKFace: failure to acquire, largest gap by {column}", 0.02, False, {"face": gap}
        )


def _counted(systems: Mapping[str, Any]) -> list[str]:
    """Ours first, then the published ones."""
    ours = [name for name in systems if name.endswith(BETTER)]
    return [*ours, *(n for n in systems if not n.endswith((BETTER, FAITHFUL)))]


def _captures(sets: Sets, figures: Figures) -> Section:
    yield Heading("Captures")
    rows = []
    for name, of in sets.items():
        lost = np.array([not session.acquired for session in of.sessions])
        widths = [s.face.quality["face_px"] for s in of.sessions if s.acquired]
        reasons = Counter(
            word for s in of.sessions if not s.acquired for word in map(str, s.face.problems)
        )
        subjects = {item.subject for item in of.items} - {""}
        rows.append(
            (
                name,
                of.of.what,
                _pair(of, np.ones(len(lost), bool)),
                len(subjects) or "—",
                _pair(of, lost),
                ", ".join(f"{word} {count}" for word, count in reasons.most_common(NAMED)) or "—",
                f"{np.median(widths):.0f}" if widths else "—",
            )
        )
    yield Table(
        ("set", "what", "files", "subjects", "no face to judge", "because", "median face, px"),
        tuple(rows),
    )
    figures["captures"] = {row[0]: row[1:] for row in rows}


def _systems(of: Measured, other: Measured | None) -> dict[str, Scoring]:
    return of.peers(other) | {
        f"{signal}, {policy}": of.scoring(policy, signal, other)
        for signal in ("liveness", FUSED)
        for policy in (FAITHFUL, BETTER)
    }


def _attacks(sets: Sets, figures: Figures, docs: Path) -> Section:
    halves = [name for name in REPLAY_ATTACK if name in sets]
    if len(halves) < len(REPLAY_ATTACK):
        return
    yield Heading("Prints, telephones and tablets, one frame at a time")
    yield Text(
        "Replay-Attack, each half judged at the threshold of the equal error rate on the other, "
        "with other people. Published systems see the same faces in the same run. MesoNet is not "
        "among them: nothing installed here reads its files, which are Keras 2 HDF5."
    )
    found: Figures = {}
    for name, other in (halves, halves[::-1]):
        of = sets[name]
        systems = _systems(of, sets[other])
        kinds = [item.kind for item in of.items]
        found[name] = {
            system: of.brief(scoring) | {"worst_species": worst_species(scoring, kinds, of.seed)}
            for system, scoring in systems.items()
        }
        yield Heading(f"{name}, threshold from {other.split()[-1]}", 3)
        yield _beside("system", found[name])
        shown = {n: s for n, s in systems.items() if not n.endswith(FAITHFUL)}
        yield _drawn(
            docs,
            f"det-{name.split()[-1]}.svg",
            partial(
                plots.det,
                {n: s.sample for n, s in shown.items()},
                {n: s.threshold for n, s in shown.items()},
            ),
            f"DET curves on {name}; points are the thresholds that ship",
        )
    figures["attacks"] = found


def _elsewhere(sets: Sets, figures: Figures) -> Section:
    sources = [name for name in OTHER_SOURCES if name in sets]
    if not sources:
        return
    yield Heading("Other cameras, nothing refitted")
    found: Figures = {}
    live: Figures = {}
    for name in sources:
        of = sets[name]
        systems = _systems(of, None)
        found[name] = {system: of.brief(scoring) for system, scoring in systems.items()}
        yield Heading(name, 3)
        yield _beside("system", found[name])
        folders = np.array([PurePosixPath(item.path).parts[2] for item in of.items])
        for at, folder in enumerate(np.unique(folders[of.bona_fide]), start=1):
            own = of.bona_fide & (folders == folder)
            live[f"{name}, source {at}"] = {
                system: _rejected(scoring, own)
                for system, scoring in systems.items()
                if not system.endswith(FAITHFUL)
            }
    yield Heading("Live faces rejected at the threshold that ships", 3)
    yield _beside("source", live)
    figures["elsewhere"], figures["live_sources"] = found, live


def _rejected(scoring: Scoring, own: Any) -> Figure:
    scores = scoring.sample.only(own & scoring.sample.answered).scores
    return proportion(int((scores < scoring.threshold).sum()), len(scores))


def _signal(signal: str, sets: Sets, figures: Figures) -> Section:
    """One signal, or the fused score, on every set that has both classes."""
    yield Heading(f"`{signal}`" if signal != FUSED else "The fused score")
    found: Figures = {}
    rows = []
    silences: Counter[str] = Counter()
    for name, of in sets.items():
        if of.bona_fide.all():
            continue
        figured = {p: of.brief(of.scoring(p, signal)) for p in (FAITHFUL, BETTER)}
        answered = of.sample(BETTER, signal).answered
        if not answered.any():
            silences.update(_reasons(of, signal))
            continue
        found[name] = figured
        rows.append(
            (
                name,
                _pair(of, answered),
                figured[FAITHFUL]["auc"],
                figured[BETTER]["auc"],
                figured[FAITHFUL]["apcer_at_bpcer_5"],
                figured[BETTER]["apcer_at_bpcer_5"],
                _pair(of, ~answered),
                ", ".join(f"{w} {n}" for w, n in _reasons(of, signal).most_common(NAMED)) or "—",
            )
        )
    if rows:
        columns = (
            "AUC, faithful",
            "AUC, hardened",
            "APCER at BPCER 5%, faithful",
            "the same, hardened",
        )
        yield Table(("set", "scored", *columns, "silent", "because"), tuple(rows))
    else:
        said = ", ".join(f"{word} {count}" for word, count in silences.most_common(NAMED))
        yield Text(f"No score on any set: {said}.")
    figures.setdefault("signals", {})[signal] = found


def _reasons(of: Measured, signal: str) -> Counter[str]:
    """Why a signal has no score, on captures with a face."""
    if signal == FUSED:
        words = (v.reasons for v in of.judged[BETTER] if v.score is None)
    else:
        words = (
            one.reasons
            for verdict in of.judged[BETTER]
            for one in verdict.signals
            if one.name == signal and one.score is None
        )
    return Counter(str(word) for reasons in words for word in reasons)


def _every_signal(sets: Sets, docs: Path) -> Section:
    """The signals beside each other, on the sets that matter most."""
    chosen = [REPLAY_ATTACK[1], "sd3, one face scale", "deepfake validation"]
    yield Heading("Signals beside each other")
    for name in (name for name in chosen if name in sets):
        of = sets[name]
        figures = {
            f"{signal}, {policy}": figure
            for signal in signals_here()
            for policy in (FAITHFUL, BETTER)
            if (figure := of.brief(of.scoring(policy, signal))["auc"]).value is not None
        }
        file = f"auc-{name.replace(',', '').replace(' ', '-')}.svg"
        draw = partial(plots.rates, figures, "AUC", chance=0.5)
        yield _drawn(docs, file, draw, f"AUC of every signal on {name}, with intervals of 95%")


def _sessions(sets: Sets, figures: Figures) -> Section:
    yield Heading("What becomes of a session")
    rows = []
    for name, of in sets.items():
        for policy, judged in of.judged.items():
            decided = np.array([verdict.decision for verdict in judged], str)
            passed = np.array([verdict.passed for verdict in judged], bool)
            shares = [
                _share_pair(of, hits) for hits in (*(decided == str(d) for d in Decision), passed)
            ]
            rows.append((name, policy, *shares))
    yield Table(("set", "policy", *map(str, Decision), "passed"), tuple(rows))
    yield Text(
        "Shares of all captures. A policy that only watches rejects nothing: `passed` says whether "
        "the score reached the threshold and nothing vetoed it. No capture is accepted without the "
        "signals that its policy requires."
    )
    figures["decisions"] = {f"{row[0]}, {row[1]}": row[2:] for row in rows}


def _pulses(sets: Sets, figures: Figures) -> Section:
    """How many windows pass as a pulse: of live faces, of attacks, and of bare wall."""
    windows: dict[str, list[tuple[str, Session]]] = {}
    seen = set()
    for name, of in sets.items():
        for item, real, parts in zip(of.items, of.bona_fide, of.parts, strict=True):
            if item.location in seen:
                continue
            seen.add(item.location)
            for part in parts[1:]:
                what, seconds = part.part.split()
                kind = WALL if what == WALL else "live" if real else name
                windows.setdefault(f"{kind}, {seconds}", []).append((item.subject, part))
    if not windows:
        return
    some = next(iter(sets.values()))
    found: Figures = {}
    rows = []
    order = {str(seconds): at for at, seconds in enumerate(SECONDS)}
    for key in sorted(windows, key=lambda key: (key.split(", ")[0], order[key.split()[-1]])):
        subjects = [subject for subject, _ in windows[key]]
        passed = {
            policy: _passing([part for _, part in windows[key]], subjects, of, some.seed)
            for policy, of in some.policies.items()
        }
        found[key] = passed
        kind, seconds = key.split(", ")
        rows.append((kind, f"{seconds} s", len(subjects), len(set(subjects)), *passed.values()))
    yield Heading("A pulse in windows of a clip")
    yield Table(
        ("what is looked at", "window", "windows", "people", *(f"passed, {p}" for p in found[key])),
        tuple(rows),
    )
    yield Text(
        f"Passed: a score of {UNDECIDED} and more, of the windows that could be measured. The wall "
        f"beside the face, in place of the {SKIN}, has no pulse: whatever passes there is a false "
        "alarm. "
        "`python -m benchmarks.pulse` looks closer."
    )
    figures["pulse"] = found


def _passing(
    parts: Sequence[Session], subjects: Sequence[str], policy: Policy, seed: int
) -> Figure:
    scores = np.array([score_of(verdict, PULSE) for verdict in verdicts(policy, parts)])
    # A window in which a policy sees no pulse has no score, and does not pass.
    measured = np.array([part.measured[PULSE].status is Status.OK for part in parts])

    def passing(weights: Weights) -> dict[str, float]:
        return {"passed": share(scores >= UNDECIDED, weights * measured)}

    return bootstrap(passing, subjects, seed=seed)["passed"]


def _people(sets: Sets, figures: Figures) -> Section:
    """How often a face is not found, by sex and group."""
    if PEOPLE not in sets:
        return
    of = sets[PEOPLE]
    acquired = np.array([session.acquired for session in of.sessions])
    sample = Trials(of.items, of.bona_fide, ()).sample(list(np.where(acquired, 1.0, np.nan)))
    columns = {name: [item.row.get(name, "") for item in of.items] for name in ("sex", "group")}
    columns["sex and group"] = [" ".join(pair) for pair in zip(*columns.values(), strict=True)]
    yield Heading("Whom the face stage does not find")
    rows = []
    for column, names in columns.items():
        of_names = np.array(names)
        for name in np.unique(of_names):
            own = of_names == name
            figure = proportion(int((~acquired[own]).sum()), int(own.sum()))
            rows.append((column, str(name), int(own.sum()), figure))
    yield Table(("by", "who", "people", "failure to acquire"), tuple(rows))
    found = {
        column: gaps(sample, names, 0.0, of.seed)["non_response"]
        for column, names in columns.items()
    }
    yield Table(("by", "largest gap"), tuple(found.items()))
    yield Text(
        "A gap between the best and the worst of several groups is never below 0. Where nobody was "
        "missed, drawing again shows none: what so few people can exclude is in the intervals of "
        "their rows."
    )
    figures["people"] = found


def _beside(what: str, found: Mapping[str, Mapping[str, Figure]]) -> Table:
    columns = tuple(next(iter(found.values())))
    return Table(
        (what, *(name.replace("_", " ") for name in columns)),
        tuple((name, *(of.get(column) for column in columns)) for name, of in found.items()),
    )


def _drawn(docs: Path, name: str, draw: plots.Draw, caption: str) -> Plot:
    plots.save(docs / FOLDER / name, draw)
    return Plot("", caption, f"{FOLDER}/{name}")


def _pair(of: Measured, hits: Any) -> str:
    return f"{int(hits[of.bona_fide].sum())} / {int(hits[~of.bona_fide].sum())}"


def _share_pair(of: Measured, hits: Any) -> str:
    groups = [hits[of.bona_fide], hits[~of.bona_fide]]
    return " / ".join(f"{group.mean():.0%}" if len(group) else "—" for group in groups)
