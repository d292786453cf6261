"""False alarms of the drift test, counted where nothing has changed, and where the test is too eager."""

import numpy as np
import pytest

from ride_duration.stats.calibration import count_drift_alarms

WEEKDAYS = np.arange(56) % 7
LIMITS = {
    "of_weekdays": ("weekday",), "windows": 3, "of_them": 2, "draws": 400, "alpha": 0.01, "psi": 0.02, "references": 60,
    "seed": 1,
}  # fmt: skip


def counts(spread: float, bins: int = 10) -> dict[str, np.ndarray]:
    """Counts of days whose shares of the bins differ by so much, and by weekday alone."""
    rng = np.random.default_rng(4)
    rides = rng.normal(2_000, 150, len(WEEKDAYS))
    shares = np.exp(spread * rng.standard_normal((len(WEEKDAYS), bins)))
    return {
        "distance": rides[:, None] * shares / shares.sum(axis=1, keepdims=True),
        "weekday": rides[:, None] * (WEEKDAYS[:, None] == np.arange(7)),
    }


def test_alarms_are_about_as_rare_as_they_should_be_and_rarer_step_by_step() -> None:
    alarms = count_drift_alarms(counts(0.1), WEEKDAYS, np.arange(7), **LIMITS)
    assert set(alarms.features) == {"distance", "weekday"}
    assert all(0.0 < share <= 0.02 for share in alarms.features.values()), alarms
    assert alarms.large <= alarms.adjusted <= sum(alarms.features.values())
    assert alarms.repeated <= 0.01
    assert alarms.groups == 240


def test_an_eager_test_is_seen_to_be_so() -> None:
    limits = LIMITS | {"alpha": 0.3, "psi": 1e-6, "of_them": 1}
    alarms = count_drift_alarms(counts(0.1), WEEKDAYS, np.arange(7), **limits)
    assert alarms.features["distance"] == pytest.approx(0.3, abs=0.15)
    assert alarms.repeated > 0.2


def test_the_same_seed_counts_the_same_and_progress_is_told() -> None:
    done: list[int] = []
    limits = LIMITS | {"references": 3}
    first = count_drift_alarms(counts(0.1), WEEKDAYS, np.arange(7), **limits, progress=done.append)
    assert done == [1, 2, 3]
    assert count_drift_alarms(counts(0.1), WEEKDAYS, np.arange(7), **limits) == first
