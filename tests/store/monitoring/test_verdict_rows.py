from pathlib import Path

import msgspec
from sqlalchemy import text

from ride_duration.store.monitoring import (
    DecisionRow,
    Evidence,
    IncidentDay,
    VerdictRow,
    add_decision,
    add_verdict,
    find_newest_day,
    load_decisions,
    load_incident_days,
    load_newest_verdict,
    load_scores,
    load_verdicts,
    open_monitoring,
    read_monitoring,
    replace_incident_days,
    replace_scores,
)

VERDICT = VerdictRow(
    model="green", evidence=Evidence.LOG, window="last_28d", first="2021-03-01", last="2021-03-28", computed_at=5.0,
    version=1, variant="champion", moment="at_request_time", verdict="watch", cause="mix", gain=0.01,
    reasons=["other rides"], figures={"rmse": [5.0, 4.9, None]}, next="look again", simulated=True, watermark=7,
    last_actual=4.5, details={"version": 1},
)  # fmt: skip


def test_verdicts_are_kept_and_the_newest_is_found(store_url: str) -> None:
    engine = open_monitoring(store_url)
    assert load_newest_verdict(engine, "green") is None
    number = add_verdict(engine, VERDICT)
    older = msgspec.structs.replace(VERDICT, computed_at=4.0, evidence=Evidence.SCORED, watermark=None)
    add_verdict(engine, older)
    add_verdict(engine, msgspec.structs.replace(VERDICT, model="yellow", computed_at=9.0))
    assert load_newest_verdict(engine, "green") == msgspec.structs.replace(VERDICT, number=number)
    newest_scored = load_newest_verdict(engine, "green", Evidence.SCORED)
    assert newest_scored is not None
    assert (newest_scored.computed_at, newest_scored.watermark) == (4.0, None)
    assert [verdict.computed_at for verdict in load_verdicts(engine, "green")] == [5.0, 4.0]
    engine.dispose()


def test_a_score_of_the_same_window_is_replaced(store_url: str) -> None:
    engine = open_monitoring(store_url)
    psi = {"version": 1, "first": "2021-03-01", "last": "2021-03-07", "slice": "all", "feature": "hour",
           "statistic": "psi", "value": 0.01, "p_value": 0.5, "adjusted": 1.0}  # fmt: skip
    later = psi | {"first": "2021-03-08", "last": "2021-03-14"}
    replace_scores(engine, "green", Evidence.LOG, [psi, later], at=1.0)
    replace_scores(engine, "green", Evidence.LOG, [psi | {"value": None}], at=2.0)
    found = [(score["first"], score["value"], score["computed_at"]) for score in load_scores(engine, "green")]
    assert found == [("2021-03-08", 0.01, 1.0), ("2021-03-01", None, 2.0)]
    engine.dispose()


def test_a_marked_day_keeps_when_it_was_found_and_one_that_is_in_order_again_is_not_marked(store_url: str) -> None:
    engine = open_monitoring(store_url)
    first = IncidentDay("2021-03-02", "level", "", 1.0, "monitoring")
    before = msgspec.structs.replace(first, day="2021-02-02")
    by_ana = msgspec.structs.replace(first, kind="blizzard", by="Ana")
    replace_incident_days(engine, "green", "2021-02-01", "2021-02-28", "monitoring", [before])
    replace_incident_days(engine, "green", "2021-03-01", "2021-03-31", "Ana", [by_ana])
    window = ("2021-03-01", "2021-03-31", "monitoring")
    replace_incident_days(engine, "green", *window, [first])
    other = msgspec.structs.replace(first, source="from Queens", since=2.0)
    replace_incident_days(engine, "green", *window, [msgspec.structs.replace(first, since=2.0), other])
    assert load_incident_days(engine, "green") == [before, by_ana, first, other]
    replace_incident_days(engine, "green", *window, [other])
    assert load_incident_days(engine, "green", "2021-03-01") == [by_ana, other]
    engine.dispose()


def test_decisions_are_found_by_kind_the_newest_first(store_url: str) -> None:
    engine = open_monitoring(store_url)
    first = DecisionRow(1, "rebase", 1.0, "Ana", "new streets", {"log_level": 0.05})
    for decision in (first, msgspec.structs.replace(first, at=2.0), msgspec.structs.replace(first, kind="other")):
        add_decision(engine, "green", decision)
    assert [decision.at for decision in load_decisions(engine, "green", "rebase")] == [2.0, 1.0]
    assert load_decisions(engine, "yellow") == []
    engine.dispose()


def test_there_is_nothing_to_read_before_there_is_a_store(tmp_path: Path, store_url: str) -> None:
    assert read_monitoring(f"sqlite:///{tmp_path}/none.db") is None
    open_monitoring(store_url).dispose()
    engine = read_monitoring(store_url)
    assert engine is not None
    assert load_newest_verdict(engine, "green") is None
    engine.dispose()


def test_verdicts_of_a_former_store_are_read_before_it_is_migrated(store_url: str) -> None:
    engine = open_monitoring(store_url)
    number = add_verdict(engine, VERDICT)
    with engine.begin() as connection:
        for column in ("official", "watermark_at"):
            connection.execute(text(f"ALTER TABLE monitoring_verdicts DROP COLUMN {column}"))
    assert load_newest_verdict(engine, "green", only_official=True) == msgspec.structs.replace(VERDICT, number=number)
    engine.dispose()


def test_official_verdicts_alone_say_which_day_is_the_newest(store_url: str) -> None:
    engine = open_monitoring(store_url)
    number = add_verdict(engine, VERDICT)
    beside = msgspec.structs.replace(VERDICT, official=False, computed_at=6.0, last="2021-03-30")
    add_verdict(engine, beside)
    add_verdict(engine, msgspec.structs.replace(VERDICT, evidence=Evidence.SCORED, last="2021-03-31", computed_at=1.0))
    assert load_newest_verdict(engine, "green", only_official=True) == msgspec.structs.replace(VERDICT, number=number)
    assert find_newest_day(engine, "green", Evidence.LOG, "2021-04-01") == "2021-03-28"
    assert find_newest_day(engine, "green", Evidence.LOG, "2021-03-28") == ""
    assert find_newest_day(engine, "green", Evidence.SCORED, "2021-04-01") == "2021-03-31"
    engine.dispose()
