from __future__ import annotations

import json

import pytest

from benchmarks.clip import STAGES, VARIANTS, costs, generated, losses, measure
from terminal import out


def test_a_still_face_costs_less_and_keeps_its_pulse() -> None:
    drawn = generated(seconds=3.1)
    told = []
    report = measure(drawn, rounds=1, update=lambda done, of, what: told.append((done, of)))
    assert told == [(done, 4) for done in range(4)]
    assert report == json.loads(json.dumps(report))
    still, sways = report["still"], report["sways"]
    for row in (still, sways):
        assert (row["size"], row["frames"]) == ([640, 480], 93)
        for variant in VARIANTS:
            spent = row[variant]["cpu_ms"]
            assert spent["total"] == pytest.approx(sum(spent[stage] for stage in STAGES))
    assert still["every_frame"]["measured"] == sways["every_frame"]["measured"] == 1.0
    assert still["shipped"]["measured"] < 0.5 < sways["shipped"]["measured"]
    assert still["shipped"]["cpu_ms"]["total"] < still["every_frame"]["cpu_ms"]["total"]
    assert set(still["snr_db"]) == {"3"}  # longer windows do not fit
    assert sways["correlation"]["median"] > 0.9
    for table in (costs(report), losses(report)):
        with out.capture() as shown:
            out.print(table)
        assert "sways" in shown.get()
