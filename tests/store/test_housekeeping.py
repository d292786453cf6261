"""What is old is removed, and single rides on request; the rest stays, also while others write."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, select, update

from ride_duration.errors import DecisionRefused
from ride_duration.store import PredictionLog
from ride_duration.store.alert_tables import alert_deliveries, alert_silences, alerts
from ride_duration.store.database import open_writing_engine
from ride_duration.store.housekeeping import find_in_journals, prune_store, remove_ride
from ride_duration.store.level_tables import levels
from ride_duration.store.monitoring_tables import incident_days, monitoring_days, monitoring_watermarks
from ride_duration.store.tables import predictions as logged
from ride_duration.store.tables import rollouts
from tests.support.store.samples import actual, kept, prediction, predictions

JUNE_1 = datetime(2021, 6, 1, 4, tzinfo=UTC).timestamp()  # at midnight in New York


@pytest.fixture
def engine(store_url: str, tmp_path: Path) -> Engine:
    """Of a store with rides of 31 May and of 1 June, some of them with reports."""
    log = PredictionLog(store_url, tmp_path / "journal")
    for day, pickup in (("may", datetime(2021, 5, 31, 23, 59)), ("june", datetime(2021, 6, 1))):
        log.append([prediction(f"{day}{n}", f"{day} {n}", JUNE_1, pickup_datetime=pickup) for n in range(3)])
        log.append([actual(f"{day}{n}", f"{day} {n}", JUNE_1 - 60.0) for n in range(2)])
    log.append([actual("late", "may 0", JUNE_1 + 60.0), actual("stray", "unknown", JUNE_1 - 60.0)])
    log.close(patience=30.0)
    engine = open_writing_engine(store_url)
    with engine.begin() as connection:
        for day in ("2021-05-31", "2021-06-01"):
            connection.execute(
                insert(incident_days).values(
                    model="green", day=day, kind="level", source="", since=1.0, by="monitoring"
                )
            )
        connection.execute(
            insert(monitoring_watermarks).values(model="green", predictions=6, actuals=6, computed_at=1.0)
        )
    return engine


def test_days_before_are_removed_and_a_report_stays_with_its_ride(engine: Engine, store_url: str) -> None:
    counted = prune_store(engine, date(2021, 6, 1), dry_run=True)
    assert len(kept(store_url)) == 6
    removed = prune_store(engine, date(2021, 6, 1), dry_run=False)
    assert removed == counted
    assert (removed["predictions"], removed["actuals"], removed["incident_days"]) == (3, 3, 1)
    assert kept(store_url) == ["june0", "june1", "june2"]
    assert kept(store_url, "actuals") == ["june0", "june1", "late"], "a report that came in later is kept"
    assert sum(prune_store(engine, date(2021, 6, 1), dry_run=False).values()) == 0


@pytest.mark.parametrize(("evidence", "at", "stays"), [("log", 1.0, 0), ("scored", 1.0, 0), ("scored", 0.0, 1)])
def test_rows_of_scored_months_are_as_old_as_their_computation(
    engine: Engine, evidence: str, at: float, stays: int
) -> None:
    """A month of years ago that is evaluated today is not old; neither is a day of it that somebody marks today."""
    sums = dict.fromkeys(("rides", "labelled", "actual", "predicted", "absolute", "squared", "product"), 1.0)
    sums |= dict.fromkeys(("actual_squared", "predicted_squared", "within_5"), 1.0)
    day = {"model": "green", "day": "2019-02-01"}
    with engine.begin() as connection:
        connection.execute(
            insert(monitoring_days).values(
                **day, **sums, evidence=evidence, version=1, variant="champion", moment="at_request_time", slice="all",
                computed_at=JUNE_1 - at,
            )
        )  # fmt: skip
        connection.execute(
            insert(incident_days).values(**day, kind="marked", source="", since=JUNE_1 - at, by="ada", why="parade")
        )
    removed = prune_store(engine, date(2021, 6, 1), dry_run=False)
    assert removed["monitoring_days"] == 1 - stays
    assert removed["incident_days"] == 1 + bool(at)


def test_alerts_that_are_over_go_with_their_notifications(engine: Engine) -> None:
    alert = {"fingerprint": "f", "name": "retrain", "subject": "green", "severity": "ticket", "cause": "level"}
    sent = {"fingerprint": "f", "channel": "log", "event": "raised", "body": "{}", "at": 1.0, "next_attempt_at": 1.0}
    with engine.begin() as connection:
        for number, (resolved, until) in enumerate([(JUNE_1 - 1, JUNE_1 - 1), (JUNE_1, JUNE_1), (None, JUNE_1)], 1):
            row = alert | {"number": number, "body": "{}", "raised_at": 1.0, "seen_at": 1.0, "resolved_at": resolved}
            connection.execute(insert(alerts).values(row | {"fingerprint": f"f{number}"}))
            connection.execute(insert(alert_deliveries).values(sent | {"alert": number, "key": f"k{number}"}))
            silence = {"matcher": "retrain", "at": 1.0, "until": until, "by": "ada", "why": "a test"}
            connection.execute(insert(alert_silences).values(silence))
    removed = prune_store(engine, date(2021, 6, 1), dry_run=False)
    assert (removed["alerts"], removed["alert_deliveries"], removed["alert_silences"]) == (1, 1, 1)
    with engine.connect() as connection:
        assert list(connection.scalars(select(alerts.c.number))) == [2, 3]
        assert list(connection.scalars(select(alert_deliveries.c.alert))) == [2, 3]


def test_an_open_rollout_keeps_its_answers(engine: Engine, store_url: str) -> None:
    row = {"model": "green", "version": 2, "against": 1, "status": "shadow", "share": 0.0, "since": JUNE_1 - 1}
    row |= {"failed": 0, "revision": 1, "by": "ada", "why": "a test", "history": "[]"}
    with engine.begin() as connection:
        connection.execute(insert(rollouts).values(row))
    with pytest.raises(DecisionRefused, match=r"a rollout goes on that began on 2021-06-01.*kedro rollout stop"):
        prune_store(engine, date(2021, 6, 1), dry_run=False)
    assert len(kept(store_url)) == 6
    with engine.begin() as connection:
        connection.execute(update(rollouts).values(ended_at=JUNE_1))
    prune_store(engine, date(2021, 6, 1), dry_run=False)
    assert len(kept(store_url)) == 3


def test_more_rows_than_a_batch(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ride_duration.store.housekeeping._BATCH", 7)
    log = PredictionLog(store_url, tmp_path / "journal")
    log.append(predictions(30))
    log.close(patience=30.0)
    removed = prune_store(open_writing_engine(store_url), date(2022, 1, 1), dry_run=False)
    assert removed["predictions"] == 30
    assert kept(store_url) == []


def test_a_ride_is_forgotten_and_the_others_are_not(engine: Engine, store_url: str) -> None:
    assert remove_ride(engine, "june 2") == {"predictions": 1, "actuals": 0}
    assert remove_ride(engine, "may 0") == {"predictions": 1, "actuals": 2}
    assert remove_ride(engine, "june 2") == {"predictions": 0, "actuals": 0}
    assert len(kept(store_url)) == 4


def test_a_number_that_is_given_once_more_is_not_taken_for_known(
    engine: Engine, store_url: str, tmp_path: Path
) -> None:
    """SQLite gives the number of the newest row again once that is deleted: what follows must count as news."""
    remove_ride(engine, "june 2")  # the newest answer
    log = PredictionLog(store_url, tmp_path / "journal")
    log.append([prediction("news", "news")])
    log.close(patience=30.0)
    with engine.connect() as connection:
        watermark = connection.scalar(select(monitoring_watermarks.c.predictions))
        newest = connection.scalar(select(func.max(logged.c.arrival)))
    assert watermark < newest


def test_journals_tell_of_a_ride_that_is_still_in_them(tmp_path: Path) -> None:
    folder = tmp_path / "serving"
    log = PredictionLog("postgresql+psycopg://nobody@127.0.0.1:1/none", folder, instance="one")  # it is away
    log.append([prediction("p", "secret-ride")])
    assert [path.parent.parent.name for path in find_in_journals(folder, "secret-ride")] == ["one"]
    assert find_in_journals(folder, "another") == []
    log.close(patience=0.0)
    left = folder / "one/sqlite-1/000000000001.journal2.damaged"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"\x00secret-ride\x00")
    assert left in find_in_journals(folder, "secret-ride")


def test_levels_go_with_their_time_and_know_no_records_beyond_the_newest(engine: Engine) -> None:
    row = {"model": "green", "version": 1, "factor": 1.0, "frozen": 0, "state": "{}", "predictions": 6, "actuals": 6}
    row |= {"began_at": 1.0, "half_life": 1.0, "rides": 1, "rescored": 0, "incidents": "[]", "holder": "ada"}
    with engine.begin() as connection:
        for step, published_at in ((1, JUNE_1 - 1), (2, JUNE_1)):
            connection.execute(insert(levels).values(row | {"step": step, "published_at": published_at}))
    assert prune_store(engine, date(2021, 6, 1), dry_run=False)["levels"] == 1
    remove_ride(engine, "june 2")  # whose answer is the newest, and whose number SQLite gives again
    with engine.connect() as connection:
        assert connection.execute(select(levels.c.step, levels.c.predictions)).all() == [(2, 5)]
