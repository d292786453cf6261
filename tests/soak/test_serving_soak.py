"""Swaps, switches, kills and outages under load, in the numbers that the bars name."""

from pathlib import Path

import pytest

from tests.serving.conftest import models  # noqa: F401  a fixture
from tests.serving.under_load.conftest import pair, postgres  # noqa: F401  fixtures
from tests.serving.under_load.load import Load
from tests.serving.under_load.trials import Pair, kill_service, stop_database, swap_models, switch_colours
from tests.support.store.postgres import Postgres

pytestmark = pytest.mark.soak


def check_nobody_failed(load: Load) -> None:
    print(f"{len(load.acknowledged)} answers, the slowest after {load.slowest:.3f} s")
    assert set(load.statuses) == {200}
    assert not load.broken


def test_thirty_model_swaps_fail_nobody(pair: Pair, tmp_path: Path) -> None:  # noqa: F811
    check_nobody_failed(swap_models(pair, tmp_path, times=30))


@pytest.mark.needs("nginx", "curl")
def test_ten_blue_green_switches_fail_nobody(pair: Pair) -> None:  # noqa: F811
    check_nobody_failed(switch_colours(pair, times=10))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_ten_kills_lose_and_double_no_acknowledged_prediction(
    pair: Pair,  # noqa: F811
    postgres: Postgres,  # noqa: F811
    tmp_path: Path,
    database: str,
) -> None:
    given = {"store": postgres.database()} if database == "postgresql" else {}
    kill_service(pair, tmp_path, times=10, seed=10, **given)


def test_postgres_away_for_twenty_seconds_loses_and_doubles_nothing(
    pair: Pair,  # noqa: F811
    postgres: Postgres,  # noqa: F811
    tmp_path: Path,
) -> None:
    stop_database(pair, tmp_path, postgres, seconds=20.0)
