"""What a run of the monitoring concludes is kept as a whole, or not at all."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, text

from ride_duration.datasets.prediction_log import Conclusion, ConclusionDataset
from ride_duration.store.monitoring import (
    DayEvidence,
    Evidence,
    VerdictRow,
    begin_writing,
    exclude_others,
    replace_scores,
)
from tests.support.verdicts import make_day_sums, make_score

TABLES = ("monitoring_days", "monitoring_scores", "incident_days", "monitoring_verdicts")


class Interruption(BaseException):
    """Instead of `kill -9`: the connection is gone before the transaction is committed."""


def make_conclusion(finding: str, level: float, incidents: list[tuple[str, str, str]]) -> Conclusion:
    days = [DayEvidence(f"2021-03-{day:02d}", [make_day_sums(level)]) for day in (1, 2)]
    verdict = VerdictRow(
        model="", evidence=Evidence.SCORED, window="2021-03", first="2021-03-01", last="2021-03-31", computed_at=0.0,
        version=1, variant="champion", moment="at_request_time", verdict=finding, cause="none", gain=0.0, reasons=[],
        figures={"level": [level, None, None]}, next="", simulated=True,
    )  # fmt: skip
    return Conclusion(verdict, [make_score(level, "hour")], days, incidents, ("2021-03-01", "2021-03-31"))


def read_rows(dataset: ConclusionDataset) -> dict[str, list[tuple[Any, ...]]]:
    with dataset._store.engine.connect() as connection:
        return {name: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}"))] for name in TABLES}


def test_a_save_that_is_interrupted_anywhere_leaves_what_was_there(store_url: str, tmp_path: Path) -> None:
    dataset = ConclusionDataset(str(tmp_path / "data"), {"store": store_url}, "green", "simulated")
    dataset.save(make_conclusion("ok", 1.0, [("2021-03-01", "level", "")]))
    before = read_rows(dataset)
    assert all(before.values())
    engine = dataset._store.engine
    newer = make_conclusion("incident", 1.5, [("2021-03-02", "doubled", "")])
    left = 0

    def interrupt(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Interruption

    event.listen(engine, "before_cursor_execute", interrupt)
    event.listen(engine, "commit", interrupt)
    points = 0
    for points in range(1, 50):
        left = points
        try:
            dataset.save(newer)
        except Interruption:
            left = 0
            assert read_rows(dataset) == before, points
        else:
            left = 0
            break
    assert 10 < points < 49
    after = read_rows(dataset)
    assert all(after[name] != before[name] for name in TABLES)
    assert [row.verdict for row in dataset.load()] == ["incident", "ok"]
    dataset._store.close()


def test_of_two_saves_at_once_one_waits_for_the_other(store_url: str, tmp_path: Path) -> None:
    one, other = (
        ConclusionDataset(str(tmp_path / "data"), {"store": store_url}, "green", "simulated") for _ in range(2)
    )
    conclusion = make_conclusion("ok", 1.0, [])._replace(scored_days=())
    with ThreadPoolExecutor(1) as pool:
        with begin_writing(one._store.engine) as transaction:
            exclude_others(transaction)
            replace_scores(transaction, one._store.model, Evidence.SCORED, conclusion.scores, 1.0)
            saving = pool.submit(other.save, conclusion)
            wait_for_lock(one._store.engine)
        saving.result(timeout=60)
    assert len(read_rows(one)["monitoring_scores"]) == 1
    for dataset in (one, other):
        dataset._store.close()


def wait_for_lock(engine: Engine) -> None:
    """Wait until a connection to PostgreSQL waits for a lock; SQLite locks the file, and there is nothing to see."""
    if engine.dialect.name == "sqlite":
        return
    deadline = time.monotonic() + 60
    watching = create_engine(engine.url)
    with watching.connect() as connection:
        while not connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    watching.dispose()
