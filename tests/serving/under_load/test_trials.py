"""Swaps, kills and outages under load, a few of each; `tests/soak/test_serving_soak.py` has many."""

from pathlib import Path

import pytest

from tests.serving.under_load.load import Load
from tests.serving.under_load.processes import ServiceProcess, check_kept
from tests.serving.under_load.trials import Pair, kill_service, stop_database, swap_models, switch_colours
from tests.support.store.postgres import Postgres
from tests.support.store.samples import until


def test_models_are_swapped_under_load_without_a_failure(pair: Pair, tmp_path: Path) -> None:
    load = swap_models(pair, tmp_path, times=4)
    assert set(load.statuses) == {200}
    assert not load.broken


def test_a_killed_service_loses_and_doubles_no_acknowledged_prediction(pair: Pair, tmp_path: Path) -> None:
    kill_service(pair, tmp_path, times=2, seed=4)


def test_the_database_goes_away_under_load_and_nobody_notices(pair: Pair, tmp_path: Path, postgres: Postgres) -> None:
    stop_database(pair, tmp_path, postgres, seconds=2.0)


def test_a_full_journal_refuses_and_recovers(pair: Pair, tmp_path: Path, postgres: Postgres) -> None:
    store_url = postgres.database()
    with ServiceProcess(pair.project, pair.name, tmp_path, store=store_url, journal_bytes=200_000) as service:
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


def test_sigterm_under_load_keeps_what_was_acknowledged_and_truncates_nothing(pair: Pair, tmp_path: Path) -> None:
    with ServiceProcess(pair.project, pair.name, tmp_path) as service, Load(service.port) as load:
        load.more(500)
        service.stop()
    assert set(load.statuses) == {200}
    assert not load.truncated
    check_kept(load.acknowledged, service.settings["store"])


@pytest.mark.needs("nginx", "curl")
def test_one_colour_takes_over_from_the_other_without_a_failure(pair: Pair) -> None:
    load = switch_colours(pair, times=1)
    assert set(load.statuses) == {200}
    assert not load.broken
