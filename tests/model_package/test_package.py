"""A package, loaded: many rides as one by one, raw rides as tables, and reasons that make sense."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.errors import RideDurationError
from ride_duration.model_package import ModelPackage, Rides
from ride_duration.model_package import package as package_module
from ride_duration.model_package.files import write_folder
from ride_duration.pipelines.data_science.duration_model import without_distance
from ride_duration.pipelines.model_release.gate_checks import columns_of
from ride_duration.trips.features import FEATURES
from tests.support.models import fitted, simulated_features
from tests.support.packages import package, packed, repacked, rides_of

NAN = float("nan")
JFK, TIMES_SQUARE, EAST_HARLEM_NORTH, EAST_HARLEM_SOUTH = 132, 230, 74, 75

ZONES = st.integers(-1, 300).map(float) | st.just(NAN)
TIMES = st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1))
DISTANCES = st.floats(-10, 300) | st.just(NAN)
RIDES = st.lists(st.tuples(ZONES, ZONES, TIMES, DISTANCES), min_size=1, max_size=30)


def rides(*asked: tuple[float, float, datetime, float]) -> Rides:
    """Rides as arrays."""
    pickup, dropoff, when, miles = zip(*asked, strict=True)
    times = np.array(when, dtype="datetime64[s]")
    return Rides(np.array(pickup, dtype=float), np.array(dropoff, dtype=float), times, np.array(miles, dtype=float))


def weekday(hour: int, minute: int = 0) -> datetime:
    """A Wednesday."""
    return datetime(2021, 2, 3, hour, minute)


@pytest.mark.parametrize("model", ["xgboost", "ridge", "zone_pair_median"])
@settings(max_examples=25, deadline=None, derandomize=True)
@given(RIDES)
def test_sorting_many_rides_gives_the_answers_of_one_by_one(
    model: str, asked: list[tuple[float, float, datetime, float]]
) -> None:
    one_by_one = [package(model).answer(rides(ride)) for ride in asked]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package_module, "_MANY", 1)
        together = package(model).answer(rides(*asked))
    for output in ("duration", "lower", "upper"):
        alone = np.concatenate([getattr(answers, output) for answers in one_by_one])
        assert getattr(together, output) == pytest.approx(alone, rel=1e-6, abs=1e-5)


def test_more_rides_than_are_sorted_get_the_answers_of_few() -> None:
    rows = simulated_features(3_000, "2021-02")
    asked = rides_of(rows)
    few = [
        package().answer(Rides._make(values[start : start + 1_000] for values in asked)) for start in (0, 1000, 2000)
    ]
    for output, minutes in package().answer(asked)._asdict().items():
        assert minutes == pytest.approx(np.concatenate([getattr(part, output) for part in few]), abs=1e-5)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(RIDES)
def test_every_ride_gets_an_answer_inside_its_interval(asked: list[tuple[float, float, datetime, float]]) -> None:
    answers = package().answer(rides(*asked))
    assert np.isfinite(answers).all()
    assert (answers.lower >= 0).all()
    assert (answers.lower <= answers.duration).all()
    assert (answers.duration <= answers.upper).all()


@pytest.mark.parametrize("model", ["xgboost", "ridge", "zone_pair_median"])
@pytest.mark.parametrize("known", [True, False])
def test_raw_rides_are_answered_as_the_rows_of_the_table_are(model: str, known: bool) -> None:
    rows = simulated_features(500, "2021-02")
    rows = rows if known else without_distance(rows)
    columns, table = package(model).columns(rides_of(rows)), columns_of(rows)
    for name in (*FEATURES, "trip_distance_raw"):
        assert columns[name] == pytest.approx(table[name], rel=1e-12, nan_ok=True), name
    for answers in zip(package(model).answer(rides_of(rows)), package(model).answer_columns(table), strict=True):
        assert answers[0] == pytest.approx(answers[1], abs=1e-4)


def test_pairs_are_written_as_the_table_writes_them() -> None:
    rows = simulated_features(300, "2021-02")
    nowhere = rows.assign(pickup_zone=np.nan, zone_pair=[f"_{pair.partition('_')[2]}" for pair in rows["zone_pair"]])
    for trips in (rows, nowhere):
        assert list(package("ridge").columns(rides_of(trips))["zone_pair"]) == list(trips["zone_pair"])
    assert "zone_pair" not in package().columns(rides_of(rows)), "no output reads it"


def test_boroughs_are_named_as_the_table_names_them() -> None:
    rows = simulated_features(300, "2021-02")
    inputs = package("ridge").read_json("inputs.json")
    inputs["outputs"]["duration"]["text"] = ["borough_pair"]
    reading = repacked(package("ridge"), inputs__json=inputs)
    assert list(reading.columns(rides_of(rows))["borough_pair"]) == list(rows["borough_pair"])


def test_without_intervals_only_the_minutes_are_given() -> None:
    asked = rides_of(simulated_features(10))
    answers = package().answer(asked, intervals=False)
    assert np.array_equal(answers.duration, package().answer(asked).duration)
    assert len(answers.lower) == len(answers.upper) == 0


def test_the_zones_that_a_package_carries_are_those_it_answers_with() -> None:
    lines = package().contents["zones.csv"].decode().splitlines()
    without_jfk = "\n".join(line for line in lines if not line.startswith(f"{JFK},")) + "\n"
    other = repacked(package(), zones__csv=without_jfk.encode())
    asked = rides((JFK, TIMES_SQUARE, weekday(17), NAN), (74, 75, weekday(17), NAN))
    assert np.isnan(other.columns(asked)["pickup_x"]).tolist() == [True, False]
    assert other.answer(asked).duration[0] != package().answer(asked).duration[0]
    assert other.answer(asked).duration[1] == package().answer(asked).duration[1]


def test_reasons_are_minutes_by_group() -> None:
    night, rush = rides((JFK, TIMES_SQUARE, weekday(3), NAN)), rides((JFK, TIMES_SQUARE, weekday(17), NAN))
    why_night, why_rush = package().explain(night), package().explain(rush)
    assert set(why_rush) == {"time", "distance", "place"}
    assert why_night["time"][0] < why_rush["time"][0]
    assert why_rush["distance"][0] > 5, "JFK is far away"
    assert package().explain(rides((EAST_HARLEM_NORTH, EAST_HARLEM_SOUTH, weekday(17), NAN)))["distance"][0] < 0


def test_a_reason_is_what_the_answer_loses_with_the_usual_in_its_place() -> None:
    asked = rides((JFK, TIMES_SQUARE, weekday(17, 30), 17.5))
    usual = package().read_json("inputs.json")["usual"]
    columns = package().columns(asked)
    changed = columns | {name: np.array([usual[name]]) for name in ("hour", "weekday", "hour_of_week")}
    lost = package().answer(asked).duration - package().answer_columns(changed).duration
    assert package().explain(asked)["time"] == pytest.approx(lost, abs=1e-5)


@pytest.mark.parametrize(
    ("model", "ignored"),
    [("mean", {"time", "distance", "place"}), ("zone_pair_median", {"time", "distance"}), ("ridge", {"time"})],
)
def test_what_a_model_does_not_read_is_no_reason(model: str, ignored: set[str]) -> None:
    reasons = package(model).explain(rides_of(simulated_features(50, "2021-02")))
    assert {reason for reason, minutes in reasons.items() if not minutes.any()} == ignored


def test_what_is_usual_is_no_reason() -> None:
    usual = package().read_json("inputs.json")["usual"]
    columns = package().columns(rides((JFK, TIMES_SQUARE, weekday(17), 15.0)))
    replaced = package()._usual(tuple(FEATURES), columns)
    assert {name: values[0] for name, values in replaced.items()} == {name: usual[name] for name in FEATURES}


def test_an_unknown_distance_stays_unknown() -> None:
    columns = package("ridge").columns(
        rides((JFK, TIMES_SQUARE, weekday(17), NAN), (JFK, TIMES_SQUARE, weekday(17), 15))
    )
    replaced = package("ridge")._usual(package_module.REASONS["distance"], columns)
    for name in ("trip_distance", "detour", "trip_distance_raw"):
        assert np.isnan(replaced[name]).tolist() == [True, False], name
    assert not np.isnan(replaced["straight_distance"]).any()


def test_a_distance_that_is_out_of_range_is_a_reason_where_the_model_believes_it() -> None:
    absurd = rides((JFK, TIMES_SQUARE, weekday(17), 90_000.0))
    assert package("ridge").explain(absurd)["distance"][0] == pytest.approx(
        (90_000 - package("ridge").read_json("inputs.json")["usual"]["trip_distance_raw"])
        * fitted("ridge").estimator[-1].coef_[-1],
        rel=1e-4,
    )


def test_a_group_for_every_column_that_a_model_may_read() -> None:
    grouped = [name for names in package_module.REASONS.values() for name in names]
    assert sorted(grouped) == sorted([*FEATURES, "trip_distance_raw", "zone_pair", "borough_pair"])


def test_the_same_answers_have_the_same_identity_and_others_another() -> None:
    again = ModelPackage(packed(val_data="2021-02"))
    assert again.identity == package().identity
    told_otherwise = repacked(package(), {"model": "renamed"}, **{"model_card.md": b"other words"})
    assert told_otherwise.identity == package().identity
    assert package("lightgbm").identity != package().identity
    calibration = package().read_json("intervals.json") | {"coverage": 0.8}
    assert repacked(package(), intervals__json=calibration).identity != package().identity


def test_a_package_is_loaded_from_its_folder_and_answers_alike(tmp_path: Path) -> None:
    write_folder(tmp_path / "package", package().contents)
    loaded = ModelPackage.load(str(tmp_path / "package"), threads=2)
    assert loaded.identity == package().identity
    asked = rides_of(simulated_features(20))
    assert np.array_equal(loaded.answer(asked), package().answer(asked))


def test_what_onnx_runtime_cannot_run_is_said_in_one_line() -> None:
    broken = repacked(package(), **{"upper.onnx": b"no graph"})
    with pytest.raises(RideDurationError, match=r"cannot be run by ONNX Runtime \(.*\)$"):
        broken.answer(rides_of(simulated_features(1)))


def test_one_ride_of_many() -> None:
    asked = rides_of(simulated_features(5))
    assert [values.tolist() for values in asked.one(3)] == [values[3:4].tolist() for values in asked]
