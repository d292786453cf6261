"""A store has the times of one clock: whoever is on the other one is refused, and changes nothing."""

import re
import time
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import make_url, text

from ride_duration.clock import ClockKind
from ride_duration.errors import ConfigurationError
from ride_duration.store import PredictionLog
from ride_duration.store.clock_mark import read_mark
from ride_duration.store.database import check_clock, migrate, open_reading_engine, open_writing_engine
from ride_duration.store.rollouts import Rollouts
from tests.support.store.postgres import Postgres
from tests.support.store.samples import predictions, until

REAL, SIMULATED = ClockKind.REAL, ClockKind.SIMULATED
OTHER = {REAL: SIMULATED, SIMULATED: REAL}
SAID = {
    SIMULATED: r"has the times of a simulation, and this is the machine's clock; .*--env simulated",
    REAL: r"has times of the machine's clock, and `serving.clock` names a simulated one; .*`serving.store`",
}


@pytest.mark.parametrize("kind", [REAL, SIMULATED])
def test_a_new_store_is_marked_and_refuses_the_other_clock(store_url: str, kind: ClockKind) -> None:
    engine = open_writing_engine(store_url)
    assert migrate(engine, kind)
    assert not migrate(engine, kind)
    open_reading_engine(store_url, kind).dispose()
    check_clock(store_url, kind)
    Rollouts(store_url, "green", kind).begin(2, 1, 0.0, 5.0, "Ana", "better")
    with pytest.raises(ConfigurationError, match=SAID[kind]):
        migrate(engine, OTHER[kind])
    with pytest.raises(ConfigurationError, match=SAID[kind]):
        open_reading_engine(store_url, OTHER[kind])
    with pytest.raises(ConfigurationError, match=SAID[kind]):
        check_clock(store_url, OTHER[kind])
    for use in (Rollouts.last, lambda other: other.begin(3, 1, 0.0, 6.0, "Ana", "better")):
        with pytest.raises(ConfigurationError, match=SAID[kind]):
            use(Rollouts(store_url, "green", OTHER[kind]))
    with engine.connect() as connection:
        assert read_mark(connection) == kind
        assert connection.scalar(text("SELECT count(*) FROM rollouts")) == 1
    engine.dispose()


@pytest.mark.parametrize("revision", ["0002", "0007"])
def test_a_former_store_counts_as_real_and_stays_as_it_is_for_a_simulation(store_url: str, revision: str) -> None:
    engine = open_writing_engine(store_url)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "ride_duration.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    with pytest.raises(ConfigurationError, match=SAID[REAL]):
        check_clock(store_url, SIMULATED)
    with pytest.raises(ConfigurationError, match=SAID[REAL]):
        migrate(engine, SIMULATED)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == revision
        assert read_mark(connection) == REAL
    check_clock(store_url, REAL)
    assert not migrate(engine, REAL)
    open_reading_engine(store_url).dispose()
    engine.dispose()


@pytest.mark.parametrize("kind", [REAL, SIMULATED])
def test_a_log_on_the_other_clock_keeps_its_records_in_the_journal(
    store_url: str, tmp_path: Path, kind: ClockKind
) -> None:
    """The store was away when the service began: nothing of it gets in, and nothing is lost."""
    engine = open_writing_engine(store_url)
    migrate(engine, OTHER[kind])
    log = PredictionLog(store_url, tmp_path / "journal", clock=kind)
    log.append(predictions(3))
    until(lambda: log.last_error)
    assert re.search(SAID[OTHER[kind]], log.last_error or "")
    log.close(0.1)
    assert "3 records are not in the database yet" in log.account()[0]
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM predictions")) == 0
        connection.execute(text(f"UPDATE store_properties SET value = '{kind}' WHERE name = 'clock'"))
    again = PredictionLog(store_url, tmp_path / "journal", clock=kind)
    until(lambda: not again.queue_depth)
    again.close()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM predictions")) == 3
    engine.dispose()


def test_a_store_that_is_not_there_yet_or_away_is_for_any_clock(tmp_path: Path) -> None:
    began = time.monotonic()
    for kind in (REAL, SIMULATED):
        check_clock(f"sqlite:///{tmp_path}/none.db", kind)
        check_clock(f"postgresql+psycopg://postgres@/rides?host={tmp_path}", kind)
    assert time.monotonic() - began < 60
    assert not list(tmp_path.iterdir()), "looking makes nothing"


def test_the_password_of_a_server_is_not_shown(postgres: Postgres) -> None:
    store_url = make_url(postgres.database()).set(password="secret").render_as_string(hide_password=False)
    engine = open_writing_engine(store_url)
    migrate(engine, SIMULATED)
    engine.dispose()
    with pytest.raises(ConfigurationError, match=r"postgres:\*\*\*@") as refused:
        check_clock(store_url, REAL)
    assert "secret" not in str(refused.value)
