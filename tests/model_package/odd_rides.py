"""Rides that nobody would take, beside ordinary ones, and what every answer to them must keep to."""

import numpy as np

from ride_duration.model_package import Answers, Rides
from ride_duration.trips.records import DURATION


def draw_odd_rides(count: int, seed: int) -> Rides:
    """Draw rides: a tenth of each column is missing, zones may be unknown, distances go from -10 to a million miles."""
    rng = np.random.default_rng(seed)

    def spoil(values: np.ndarray, missing: object) -> np.ndarray:
        return np.where(rng.random(count) < 0.1, missing, values)

    zones = [spoil(rng.integers(-1, 300, count).astype(float), np.nan) for _ in range(2)]
    miles = np.exp(rng.uniform(np.log(1e-3), np.log(1e6), count))
    ordinary = rng.random(count) < 0.5
    miles[ordinary] = rng.uniform(-1, 30, ordinary.sum())
    absurd = rng.random(count) < 0.01
    miles[absurd] = rng.choice([0.0, -0.0, -10.0, 100.0, 5e-324, 1e300, np.inf, -np.inf], absurd.sum())
    minutes = rng.integers(0, 20 * 365 * 1440, count).astype("timedelta64[m]")
    whenever = (np.datetime64("2009-01-01") + minutes).astype("datetime64[s]")
    return Rides(zones[0], zones[1], spoil(whenever, np.datetime64("NaT")), spoil(miles, np.nan))


def check_answers(answers: Answers) -> None:
    """Fail unless all answers and bounds are in the range of the training rides, and each answer inside its bounds."""
    least, most = DURATION
    for name, minutes in answers._asdict().items():
        assert ((least <= minutes) & (minutes <= most)).all(), f"{name}: {minutes.min()} to {minutes.max()}"
    assert (answers.lower <= answers.duration).all()
    assert (answers.duration <= answers.upper).all()
