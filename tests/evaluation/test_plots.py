from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from evaluation import plots
from evaluation.intervals import Figure
from evaluation.scores import Sample


@pytest.fixture
def samples() -> dict[str, Sample]:
    rng = np.random.default_rng(0)
    bona_fide = np.arange(40) % 2 == 0
    scores = np.clip(0.5 + 0.3 * bona_fide - 0.15 + rng.normal(0, 0.2, 40), 0, 1)
    scores[3] = np.nan
    of = Sample(scores, bona_fide, np.arange(40).astype(str))
    return {"hardened": of, "one class": of.only(bona_fide)}


THRESHOLDS = {"hardened": 0.5, "one class": 0.5}


def test_every_plot_is_a_file_and_an_element(samples: dict[str, Sample], tmp_path: Path) -> None:
    drawn = plots.of_scores(tmp_path, samples, THRESHOLDS)
    for name in ("histogram", "det", "roc"):
        with PIL.Image.open(tmp_path / f"{name}.png") as image:
            assert min(image.size) > 300
    assert len(drawn) == 3
    for plot in drawn:
        assert plot.svg.startswith("<svg ")
        assert plot.svg.rstrip().endswith("</svg>")
        assert plot.caption


def test_an_element_takes_the_colours_of_its_page_and_is_the_same_every_time(
    samples: dict[str, Sample],
) -> None:
    draw = partial(plots.det, samples, THRESHOLDS)
    element = plots.svg(draw)
    assert "var(--ink, " in element
    assert "var(--plot-1, " in element
    assert "#000000" not in element
    assert "<text" in element  # letters stay letters
    assert plots.svg(draw) == element


def test_a_det_curve_says_the_equal_error_rate_and_leaves_out_what_has_none(
    samples: dict[str, Sample],
) -> None:
    element = plots.svg(partial(plots.det, samples, THRESHOLDS))
    assert f"EER {samples['hardened'].curve().eer:.1%}" in element
    assert "one class" not in element


def test_two_normal_scores_are_a_straight_line_on_probit_axes() -> None:
    quantiles = (np.arange(2000) + 0.5) / 2000
    from scipy.stats import norm

    scores = np.concatenate([norm.ppf(quantiles), norm.ppf(quantiles) - 1])
    bona_fide = np.arange(4000) < 2000
    canvas = plots.det({"a": Sample(scores, bona_fide, np.arange(4000).astype(str))}, {})
    x, y = canvas.axes[0].get_lines()[0].get_data()
    x, y = np.asarray(x, float), np.asarray(y, float)
    inside = (np.abs(x) < 1.5) & (np.abs(y) < 1.5)
    np.testing.assert_allclose(x[inside] + y[inside], -1, atol=0.02)


def test_figures_are_drawn_with_their_intervals() -> None:
    figures = {"of_b": Figure(None, None, None, 0, "none"), "of_a": Figure(0.7, 0.6, 0.8, 9, "")}
    canvas = plots.rates(figures, "AUC", chance=0.5)
    lines = canvas.axes[0].get_lines()
    assert [list(np.asarray(line.get_xdata())) for line in lines] == [
        [],
        [0.6, 0.8],
        [0.7],
        [0.5, 0.5],
    ]
    assert [text.get_text() for text in canvas.axes[0].get_yticklabels()] == ["of b", "of a"]
