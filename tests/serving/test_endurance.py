"""Swaps, kills and outages under load, a few of each; `tests/soak/test_serving_soak.py` has many."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registry.store import Store
from tests.serving.endurance import Models, blue_green, kill_service, stop_database, swap_models, switch_colours, two_versions
from tests.serving.load import Load
from tests.serving.processes import ServiceProcess, check_kept
from tests.store.postgres import Postgres
from tests.store.samples import until

pytestmark = pytest.mark.xdist_group("endurance")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return two_versions(Store(tmp_path_factory.mktemp("endurance") / "project"))


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.end()


def test_models_are_swapped_under_load_without_a_failure(models: Models, tmp_path: Path) -> None:
    load = swap_models(models, tmp_path, times=4)
    assert set(load.statuses) == {200}
    assert not load.broken


def test_a_killed_service_loses_and_doubles_no_acknowledged_prediction(models: Models, tmp_path: Path) -> None:
    kill_service(models, tmp_path, times=2, seed=4)


def test_the_database_goes_away_under_load_and_nobody_notices(
    models: Models, tmp_path: Path, postgres: Postgres
) -> None:
    stop_database(models, tmp_path, postgres, seconds=2.0)


def test_a_full_journal_refuses_and_recovers(models: Models, tmp_path: Path, postgres: Postgres) -> None:
    store_url = postgres.database()
    with ServiceProcess(models.project, models.name, tmp_path, store=store_url, journal_bytes=200_000) as service:
        with Load(service.port) as load:
            load.more()
            postgres.stop()
            until(lambda: load.statuses[503] > 20)
            postgres.start()
            load.more()
        service.stop()
    assert set(load.statuses) == {200, 503}
    assert not load.broken
    assert all(int(value or 0) > 0 for value in load.retry_after)
    check_kept(load.acknowledged, store_url)


def test_sigterm_under_load_keeps_what_was_acknowledged_and_truncates_nothing(models: Models, tmp_path: Path) -> None:
    with ServiceProcess(models.project, models.name, tmp_path) as service, Load(service.port) as load:
        load.more(500)
        service.stop()
    assert set(load.statuses) == {200}
    assert not load.truncated
    check_kept(load.acknowledged, service.settings["store"])


@pytest.mark.needs("nginx")
def test_one_colour_takes_over_from_the_other_without_a_failure(models: Models) -> None:
    load = switch_colours(models, times=1)
    assert set(load.statuses) == {200}
    assert not load.broken
