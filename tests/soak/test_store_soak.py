import os
import time
from pathlib import Path

import pytest

from ride_duration.store import LogFull, PredictionLog
from tests.store.conftest import postgres, store_url  # noqa: F401  fixtures
from tests.support.store.kills import assert_none_lost_or_doubled, kill
from tests.support.store.postgres import Postgres
from tests.support.store.samples import kept, prediction, until

pytestmark = pytest.mark.soak


def memory() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_ten_kills_lose_and_double_nothing(store_url: str, tmp_path: Path) -> None:  # noqa: F811
    acknowledged, found = kill(store_url, tmp_path / "journal", times=10, seed=10)
    assert len(acknowledged) >= 5_000
    assert_none_lost_or_doubled(acknowledged, found, times=10)


def test_twenty_seconds_without_postgres_cost_no_record_and_little_memory(
    postgres: Postgres,  # noqa: F811
    tmp_path: Path,
) -> None:
    store_url = postgres.database()  # noqa: F811
    log = PredictionLog(store_url, tmp_path, journal_bytes=30_000_000)
    log.append([prediction("first")])
    until(lambda: log.queue_depth == 0)
    postgres.stop()
    before, taken, refused = memory(), 1, 0
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            log.append([prediction(f"p{taken}")])
            taken += 1
        except LogFull:
            refused += 1
            time.sleep(0.001)
    grown = memory() - before
    assert refused
    assert not log.writable
    assert log._backlog.size <= 30_000_000  # type: ignore[attr-defined]
    assert grown < 20_000_000
    postgres.start()
    until(lambda: log.writable)
    log.append([prediction("last")])
    log.close(patience=120.0)
    assert len(kept(store_url)) == taken + 1
