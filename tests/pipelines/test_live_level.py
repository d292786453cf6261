"""Parameters of the level, and the rides that it learns from."""

from typing import Any

import numpy as np
import pytest

from ride_duration.level import STEP
from ride_duration.pipelines.batch_scoring.parameters import Scoring
from ride_duration.pipelines.live_level import LevelLimits, find_factors_of, replay_until_end, sum_known_rides
from tests.pipelines.test_parameters import SCORING, refusal
from tests.support.level import CONFIGURED, HOUR, level_rules

LEVEL = CONFIGURED["level"]
INTERVALS = LEVEL["intervals"]


def test_the_level_is_off_as_configured_and_by_default() -> None:
    assert CONFIGURED["score_level"] == "off"
    assert Scoring(**SCORING).level_rules is None
    assert Scoring(**SCORING | CONFIGURED).level_rules is None
    assert Scoring(**SCORING | CONFIGURED | {"score_level": False}).score_level == "off", "as YAML reads off"


def test_the_half_life_follows_the_delay() -> None:
    for delay, half_life in ((1, 12), (24, 48), (0, 12), (100, 48)):
        asked = Scoring(**SCORING | CONFIGURED | {"score_level": "as_of", "label_delay_hours": delay})
        assert asked.level_rules is not None
        assert asked.level_rules.half_life == pytest.approx(half_life * HOUR)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"score_level": "on"}, "'off' or 'as_of'"),
        ({"label_delay_hours": -1}, "greater than or equal to 0"),
        ({"label_delay_hours": "soon"}, "valid number"),
        ({"score_level": "as_of", "level": None}, "level is missing; conf/base/parameters_level.yml has it"),
        ({"level": LEVEL | {"guard_hours": 30}}, "level.guard_longest_hours is less than guard_hours"),
        ({"level": LEVEL | {"lowest": 1.2}}, "less than or equal to 1"),
        ({"level": LEVEL | {"half_life_hours": {"at_an_hour": 0, "at_a_day": 48}}}, "greater than 0"),
        ({"level": LEVEL | {"halflife": 3}}, "halflife"),
        (
            {"level": LEVEL | {"intervals": INTERVALS | {"refresh_hours": 5}}},
            "refresh_hours does not divide window_days",
        ),
        ({"level": LEVEL | {"intervals": INTERVALS | {"least_rides": 5}}}, "greater than or equal to 20"),
    ],
)
def test_bad_parameters_of_the_level_are_refused_in_words(changed: dict[str, Any], words: str) -> None:
    assert words in refusal(Scoring, **SCORING | CONFIGURED | changed)


def test_what_is_configured_makes_rules() -> None:
    rules = LevelLimits(**LEVEL).make_rules(24)
    assert (rules.window_steps, rules.longest_window_steps) == (8, 96)
    assert (rules.lowest, rules.highest, rules.largest_change, rules.largest_distance) == (0.67, 1.5, 0.01, 0.25)


def test_rides_become_known_after_their_drop_off_by_the_clocks_of_new_york() -> None:
    # In winter New York is 5 hours behind UTC, from 2021-03-14 on 4.
    pickups = np.array(["2021-03-14T01:30", "2021-03-14T03:30"], dtype="datetime64[us]")
    sums = sum_known_rides(pickups, np.array([10.0, 10.0]), np.array([9.0, 8.0]), "2021-03", 24)
    known = [np.datetime64(hours, "s").astype(int) for hours in ("2021-03-15T06:40", "2021-03-15T07:40")]
    assert list(sums) == [at // STEP for at in known]


def test_rides_without_a_label_an_answer_or_a_day_of_the_month_teach_nothing() -> None:
    pickups = np.array(["2021-03-02", "2021-03-02", "2021-03-02", "2021-02-28T23:59", "NaT"], dtype="datetime64[us]")
    actual = np.array([0.5, np.nan, 10.0, 10.0, 10.0])
    predicted = np.array([9.0, 9.0, np.nan, 9.0, 9.0])
    assert sum_known_rides(pickups, actual, predicted, "2021-03", 1) == {}


def test_a_trace_ends_with_the_month() -> None:
    pickups = np.array(["2021-03-30T12:00"] * 5_000, dtype="datetime64[us]")
    sums = sum_known_rides(pickups, np.full(5_000, 12.0), np.full(5_000, 10.0), "2021-03", 1)
    trace = replay_until_end(sums, "2021-03", level_rules())
    asked = np.array(["2021-03-31T23:59", "2021-04-01T00:01", "2021-03-30T12:00", "NaT"], dtype="datetime64[us]")
    found = find_factors_of(trace, asked, "2021-03")
    assert found[0] > 1.1
    assert found[1:].tolist() == [1.0, 1.0, 1.0]
