from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registry.store import Store
from tests.serving.endurance import Models, kill_service, stop_database, swap_models, switch_colours, two_versions
from tests.store.postgres import Postgres

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return two_versions(Store(tmp_path_factory.mktemp("endurance") / "project"))


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.end()


def test_thirty_model_swaps_under_load_fail_nobody(models: Models, tmp_path: Path) -> None:
    load = swap_models(models, tmp_path, times=30)
    print(f"{len(load.acknowledged)} answers, the slowest after {load.slowest:.3f} s")
    assert set(load.statuses) == {200}
    assert not load.broken


@pytest.mark.needs("nginx")
def test_ten_blue_green_switches_under_load_fail_nobody(models: Models) -> None:
    load = switch_colours(models, times=10)
    print(f"{len(load.acknowledged)} answers, the slowest after {load.slowest:.3f} s")
    assert set(load.statuses) == {200}
    assert not load.broken


def test_ten_kills_lose_and_double_no_acknowledged_prediction(models: Models, tmp_path: Path) -> None:
    kill_service(models, tmp_path, times=10, seed=10)


def test_ten_kills_with_postgres_lose_and_double_no_acknowledged_prediction(
    models: Models, tmp_path: Path, postgres: Postgres
) -> None:
    kill_service(models, tmp_path, times=10, seed=11, store=postgres.database())


def test_postgres_away_for_twenty_seconds_loses_and_doubles_nothing(
    models: Models, tmp_path: Path, postgres: Postgres
) -> None:
    stop_database(models, tmp_path, postgres, seconds=20.0)
