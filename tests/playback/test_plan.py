from pathlib import Path

import msgspec
import numpy as np
import pytest

from ride_duration.errors import ConfigurationError
from ride_duration.playback.plan import parse_delay, read_plan, write_plan
from ride_duration.trips.clock import find_midnight
from tests.support.playback import quiet_plan


@pytest.mark.parametrize(
    ("text", "seconds"), [("24h", 86_400), ("90m", 5_400), ("2d", 172_800), ("1.5h", 5_400), ("0m", 0), (" 1h", 3_600)]
)
def test_a_delay(text: str, seconds: float) -> None:
    assert parse_delay(text) == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1w", "61d", "1e3h", "nan", "1 day"])
def test_what_is_not_a_delay(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is not a delay of at most 60 days; write 24h"):
        parse_delay(text)


def test_a_plan_that_is_kept_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "simulation.json"
    assert read_plan(path) is None
    plan = quiet_plan(scenario="winter", strength=0.1, rides_per_day=None)
    write_plan(path, plan)
    assert read_plan(path) == plan
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ConfigurationError, match=r"is damaged .*--fresh` begins again"):
        read_plan(path)


def test_the_end_is_the_last_second_in_which_the_last_day_is_reported() -> None:
    plan = quiet_plan(start="2021-03-12", days=3, label_delay=86_400.0)
    assert plan.last_day == "2021-03-14"
    assert plan.ends_at == find_midnight("2021-03-16") - 1
    assert find_midnight("2021-03-14", 1) - find_midnight("2021-03-14") == 23 * 3600, "the clocks change that day"


@pytest.mark.parametrize("rides", [20, 700, 4_000])
def test_as_many_rides_as_are_wanted(rides: int) -> None:
    plan = quiet_plan(days=27, rides_per_day=rides)  # days of one month
    count = sum(int(day.ride.max()) + 1 for day in plan.simulate() if len(day.ride))
    expected = 28 * rides  # the day of the last reports is one of them
    assert abs(count - expected) < 6 * np.sqrt(expected) + 0.1 * expected


def test_another_seed_makes_other_rides_and_the_same_seed_the_same() -> None:
    plan = quiet_plan(days=1)
    first, again, other = (
        next(iter(one.simulate())).pickup_datetime for one in (plan, plan, msgspec.structs.replace(plan, seed=8))
    )
    assert first.tolist() == again.tolist() != other.tolist()
