"""The long tests: many kills, many seeds, thousands of cases. `make soak` runs them."""

import random
import signal
import time

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.errors import RideDurationError
from ride_duration.trips.months import parse_months
from ride_duration.trips.records import DURATION
from ride_duration.trips.simulation import default_city, simulate_month
from tests.conftest import Project

pytestmark = pytest.mark.soak

KILLS = 25
SEEDS = 40


def test_a_run_killed_at_any_moment_leaves_whole_files_and_no_lock(project: Project) -> None:
    assert project.run("model=mean").code == 0
    moments = random.Random(11)
    killed = 0
    for _ in range(KILLS):
        process = project.start("kedro", "run", "--env=test")
        time.sleep(moments.uniform(1.0, 9.0))
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for path in (project.root / "data").rglob("*.parquet"):
            if not path.name.startswith("."):
                pq.read_table(path)
    ended = project.run("model=mean")
    assert ended.code == 0, ended.err
    assert not list((project.root / "data").rglob(".*.partial"))
    assert killed > KILLS // 2
    print(f"killed {killed} of {KILLS} runs; every file whole, the next run went through")


def test_the_city_is_plausible_for_every_seed() -> None:
    city = default_city()
    for seed in range(SEEDS):
        month = f"{2009 + seed % 17}-{seed % 12 + 1:02d}"
        trips = simulate_month(month, city, seed).to_pandas()
        minutes = (trips["lpep_dropoff_datetime"] - trips["lpep_pickup_datetime"]).dt.total_seconds() / 60
        kept = minutes.between(*DURATION)
        assert 60_000 <= len(trips) <= 80_000, (month, seed)
        assert 0.94 < kept.mean() < 0.98, (month, seed)
        assert 13 < minutes[kept].mean() < 20, (month, seed)


@settings(max_examples=20_000, deadline=None)
@given(st.text(alphabet="0123456789-.+ ", max_size=30))
def test_months_are_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        months = parse_months(text)
    except RideDurationError:
        return
    assert months
    assert list(months) == sorted(set(months))
    assert parse_months("+".join(months)) == months
