import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, event, select

from ride_duration.store import ActualRecord, PredictionRecord
from ride_duration.store.database import migrate, open_reading_engine, open_writing_engine
from ride_duration.store.queries.ground_truth import find_last_actual, load_joined
from ride_duration.store.tables import actuals, predictions
from ride_duration.store.writer.insertion import Insertion
from tests.support.store.samples import PICKUP, actual, prediction


class Store:
    """A store to fill and to ask."""

    def __init__(self, store_url: str) -> None:
        self.writing = open_writing_engine(store_url)
        migrate(self.writing)
        self.reading: Engine = open_reading_engine(store_url)

    def fill(self, *records: PredictionRecord | ActualRecord) -> Engine:
        """Let it keep these records, of one journal, and nothing else."""
        with self.writing.begin() as connection:
            connection.execute(delete(predictions))
            connection.execute(delete(actuals))
        self.add("journal", *records)
        return self.reading

    def add(self, source: str, *records: PredictionRecord | ActualRecord) -> None:
        """Let it keep these records from a journal, too."""
        Insertion(self.writing).insert(records, lambda record, error: pytest.fail(f"{record}: {error}"), source)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store."""
    store = Store(store_url)
    yield store
    store.writing.dispose()
    store.reading.dispose()


rides = st.sampled_from(["a", "b", "c"])
moments = st.integers(0, 3).map(float)
asked = st.builds(
    lambda ride, at, duration, variant, model, pickup_at: prediction(
        "", ride, at, duration, 1 + (variant == "challenger"), variant, model, pickup_at
    ),
    rides, moments, st.sampled_from([10.0, 20.0]), st.sampled_from(["champion", "challenger", "shadow"]),
    st.sampled_from(["green", "yellow"]), st.sampled_from([None, 1.6e9]),
)  # fmt: skip
told = st.builds(
    lambda ride, at, minutes, dropoff: ActualRecord("", ride, at, minutes)
    if dropoff is None
    else ActualRecord("", ride, at, None, PICKUP + timedelta(minutes=minutes), *dropoff),
    rides, moments, st.sampled_from([5.0, 15.5]), st.sampled_from([None, (), (1.6e9 + 6930,)]),
)  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(asked, max_size=6), st.lists(told, max_size=6))
def test_the_newest_revision_holds_and_the_newest_answer_counts(
    store: Store, answers: list[PredictionRecord], reports: list[ActualRecord]
) -> None:
    answers = [replaced(answer, f"p{i}") for i, answer in enumerate(answers)]
    reports = [replaced(report, f"a{i}") for i, report in enumerate(reports)]
    engine = store.fill(*answers, *reports)
    by_receipt = sorted(reports, key=lambda report: report.received_at)  # stable: then by arrival
    by_time = sorted(answers, key=lambda answer: answer.asked_at)
    truth = {report.ride_id: report for report in reports}  # of one journal: by arrival
    newest = {line(answer): answer.prediction_id for answer in answers}
    assert [(row.prediction.prediction_id, row.actual, row.received_at, row.counts) for row in load_joined(engine)] == [
        (
            answer.prediction_id,
            minutes(truth.get(answer.ride_id), answer),
            truth[answer.ride_id].received_at if answer.ride_id in truth else None,
            newest[line(answer)] == answer.prediction_id,
        )
        for answer in by_time
    ]
    with engine.connect() as connection:
        history = connection.scalars(select(actuals.c.actual_id).order_by(actuals.c.received_at, actuals.c.arrival))
        assert list(history) == [report.actual_id for report in by_receipt], (
            "corrected ones and those of unknown rides too"
        )
    assert find_last_actual(engine) == (by_receipt[-1].received_at if by_receipt else None)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["x", "y", "z", ""]), moments), min_size=1, max_size=6))
def test_of_journals_that_arrive_late_the_latest_time_decides_and_in_a_journal_its_order(
    store: Store, reports: list[tuple[str, float]]
) -> None:
    engine = store.fill(prediction("before", "ride", -1.0))
    for number, (source, at) in enumerate(reports):
        store.add(source, prediction(f"p{number}", "ride", at), actual(f"a{number}", "ride", at, 5.0 + number))
    latest = max(range(len(reports)), key=lambda number: (reports[number][1], number))
    decides = reports[latest][0]
    last = max(number for number, (source, _) in enumerate(reports) if source == decides) if decides else latest
    rows = load_joined(engine)
    assert {row.actual for row in rows} == {5.0 + last}
    counted = [row.prediction.prediction_id for row in rows if row.counts]
    assert counted == [f"p{last}"]


def test_a_correction_holds_though_the_clock_stepped_back(store: Store) -> None:
    wrong, right = actual("wrong", "ride", 100.0, 25.0), actual("right", "ride", 40.0, 12.0)
    engine = store.fill(prediction("p", "ride", 90.0), prediction("q", "ride", 30.0), wrong, right)
    assert [(row.prediction.prediction_id, row.actual, row.counts) for row in load_joined(engine)] == [
        ("q", 12.0, True),
        ("p", 12.0, False),
    ]


def test_of_unknown_journals_a_correction_holds_that_arrived_before_the_report_it_corrects(store: Store) -> None:
    engine = store.fill(prediction("before", "ride", -1.0))
    store.add("", prediction("p", "ride", 100.0), actual("right", "ride", 100.0, 12.0))
    store.add("", prediction("q", "ride", 50.0), actual("wrong", "ride", 50.0, 25.0))
    rows = load_joined(engine)
    assert {row.actual for row in rows} == {12.0}
    assert [row.prediction.prediction_id for row in rows if row.counts] == ["p"]


def line(answer: PredictionRecord) -> tuple[str, str, bool]:
    return answer.model, answer.ride_id, answer.variant == "shadow"


def replaced(record: PredictionRecord | ActualRecord, name: str) -> PredictionRecord | ActualRecord:
    fields = record.__struct_fields__
    return type(record)(name, *(getattr(record, field) for field in fields[1:]))


def minutes(report: ActualRecord | None, answer: PredictionRecord) -> float | None:
    if report is None or report.duration is not None:
        return report.duration if report else None
    if report.dropoff_at is not None and answer.pickup_at is not None:
        return (report.dropoff_at - answer.pickup_at) / 60
    assert report.dropoff_datetime
    return (report.dropoff_datetime - PICKUP).total_seconds() / 60


def test_a_window_holds_what_was_asked_in_it(store: Store) -> None:
    engine = store.fill(*(prediction(f"p{i}", f"r{i}", float(i)) for i in range(5)), actual("late", "r1", 1e9))
    assert [row.prediction.prediction_id for row in load_joined(engine, since=1.0, until=3.0)] == ["p1", "p2"]
    assert [row.actual for row in load_joined(engine, since=1.0, until=3.0)] == [25.0, None]


@pytest.mark.parametrize(
    ("pickup", "dropoff", "expected"),
    [
        ("2021-11-07T01:50", "2021-11-07T01:10", 20.0),
        ("2021-11-07T01:10", "2021-11-07T01:50", 40.0),
        ("2022-11-06T01:59", "2022-11-06T01:00", 1.0),
        ("2023-11-05T01:50", "2023-11-05T01:10", 20.0),
        ("2021-11-07T00:50", "2021-11-07T02:10", 140.0),
        ("2021-03-14T01:50", "2021-03-14T03:10", 20.0),
        ("2021-11-07T02:10", "2021-11-07T01:50", -20.0),
        ("2021-11-14T01:50", "2021-11-14T01:10", -40.0),
    ],
)
def test_without_instants_the_clocks_changes_count_as_in_tables(
    store: Store, pickup: str, dropoff: str, expected: float
) -> None:
    answer = prediction("p", pickup_datetime=datetime.fromisoformat(pickup))
    report = ActualRecord("a", "ride", 1.0, None, datetime.fromisoformat(dropoff))
    assert [row.actual for row in load_joined(store.fill(answer, report))] == [expected]


def test_a_ride_that_is_reported_often_costs_in_proportion(tmp_path: Path) -> None:
    def steps(reports: int) -> int:
        """Count SQLite's own steps of the question, which do not depend on the machine, by the thousand."""
        store = Store(f"sqlite:///{tmp_path}/{reports}.db")
        of_one_ride = [actual(f"a{number}", "ride", float(number)) for number in range(reports)]
        reading = store.fill(
            *(prediction(f"p{number}", "ride", float(number)) for number in range(reports)), *of_one_ride
        )
        count = 0

        def another() -> None:
            nonlocal count
            count += 1

        @event.listens_for(reading, "connect")
        def listen(connection: sqlite3.Connection, _: object) -> None:
            connection.set_progress_handler(another, 1000)

        assert len(load_joined(reading)) == reports
        store.writing.dispose()
        return count

    assert steps(4000) < 5 * steps(1000)
