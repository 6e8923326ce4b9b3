from __future__ import annotations

import numpy as np
import pytest

from training.heads import fit


def two_classes(seed: int = 0, apart: float = 2.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Photographs above generated faces in the first of three features, in odd units."""
    rng = np.random.default_rng(seed)
    real = np.arange(200) < 100
    features = rng.normal(size=(200, 3)) * (1.0, 50.0, 0.01) + 7.0
    features[:, 0] += apart * real
    return features, real, np.where(real, "camera", "generator")


def test_a_photograph_gets_the_higher_log_odds() -> None:
    head = fit(*two_classes())
    features, real, _ = two_classes(seed=1)
    said = head.log_odds(features)
    assert np.median(said[real]) > 0 > np.median(said[~real])
    assert (said[real][:, None] > said[~real]).mean() > 0.85


def test_units_of_the_features_do_not_matter() -> None:
    features, real, sources = two_classes()
    scaled = features * (1000.0, 0.001, 3.0)
    once, twice = fit(features, real, sources), fit(scaled, real, sources)
    assert twice.log_odds(scaled) == pytest.approx(once.log_odds(features), abs=1e-3)


def test_a_source_with_many_images_counts_no_more_than_a_small_one() -> None:
    """Copies of one source leave the head where it was."""
    features, real, _ = two_classes()
    sources = np.where(real, np.where(np.arange(200) < 50, "one", "other"), "generator")
    again = np.concatenate((np.arange(200), np.flatnonzero(sources == "one")))
    once = fit(features, real, sources)
    more = fit(features[again], real[again], sources[again])
    assert np.sign(once.weights[0]) == np.sign(more.weights[0]) == 1.0
    drop = np.abs(once.log_odds(features) - more.log_odds(features)).mean()
    assert drop < 0.3


def test_one_class_alone_is_refused() -> None:
    features, real, sources = two_classes()
    with pytest.raises(ValueError, match="class"):
        fit(features[real], real[real], sources[real])
