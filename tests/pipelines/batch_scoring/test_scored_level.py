"""Scored trips that the level has corrected, as it was known at each pick-up."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ride_duration.level import (
    STEP,
    BoundedRides,
    EndedRides,
    LevelState,
    MarginState,
    advance_margins,
    follow_steps,
    sum_steps,
)
from ride_duration.model_package import ModelPackage, Rides
from ride_duration.model_package.intervals import buckets
from ride_duration.pipelines.batch_scoring.parameters import Scoring
from ride_duration.pipelines.batch_scoring.scored_level import LEVEL, MARGINS, RAW, select_raw
from ride_duration.pipelines.batch_scoring.scoring import partition_of, schema_of, score_trips
from ride_duration.pipelines.batch_scoring.scoring_summary import summarise_scores
from ride_duration.pipelines.monitoring.daily_sums import sum_days
from ride_duration.trips.simulation import default_city, simulate_month
from tests.pipelines.test_parameters import SCORING
from tests.support.level import CONFIGURED, HOUR
from tests.support.monitoring import monitoring
from tests.support.packages import packed

PICKUP, DROPOFF = "lpep_pickup_datetime", "lpep_dropoff_datetime"
MONTHS = ("2021-02", "2021-03")


@cache
def package() -> ModelPackage:
    """A small package."""
    return ModelPackage(packed(), version=1)


@cache
def raw_month(month: str) -> pd.DataFrame:
    """Every tenth trip of simulated days, which takes 15 % longer; the last one is dated in another month."""
    frame = simulate_month("2021-02", default_city(), seed=3).to_pandas().iloc[::10].reset_index(drop=True)
    frame = frame[frame[PICKUP].between("2021-02-01", "2021-03-01")].reset_index(drop=True)
    frame[DROPOFF] = (frame[PICKUP] + 1.15 * (frame[DROPOFF] - frame[PICKUP])).dt.floor("s")
    frame[[PICKUP, DROPOFF]] += pd.Timedelta(days={"2021-02": 0, "2021-03": 28}[month])
    frame.loc[len(frame) - 1, [PICKUP, DROPOFF]] -= pd.Timedelta(days=900)
    return frame


@pytest.fixture
def score(tmp_path: Path) -> Callable[..., dict[str, pa.Table]]:
    """Scores months, each given as a frame, and returns what would be written, by partition."""

    def scored(frames: dict[str, pd.DataFrame], **changed: Any) -> dict[str, pa.Table]:
        raw = {}
        for month, frame in frames.items():
            path = tmp_path / f"{month}.parquet"
            pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
            raw[f"green_tripdata_{month}"] = lambda path=path: ibis.duckdb.connect().read_parquet(
                path, file_row_number=True
            )
        parameters = CONFIGURED | SCORING | {"score_data": "+".join(frames), "score_rows": 1_000} | changed
        streams = score_trips(raw, package(), Scoring(**parameters))
        return {partition: read().read_all() for partition, read in streams.items()}

    return scored


def frames() -> dict[str, pd.DataFrame]:
    return {month: raw_month(month) for month in MONTHS}


def both(scored: dict[str, pa.Table]) -> pd.DataFrame:
    return pa.concat_tables(scored.values()).to_pandas()


def test_what_is_off_has_the_columns_that_it_had(score: Callable[..., dict[str, pa.Table]]) -> None:
    scored = score(frames())
    layout = Scoring(**SCORING).layout
    for table in scored.values():
        assert table.schema == schema_of(layout)
        assert not {*RAW.values(), LEVEL, *MARGINS} & {*table.column_names}
    assert schema_of(layout, with_level=True).names == [*schema_of(layout).names, *RAW.values(), LEVEL, *MARGINS]


def test_answers_are_multiplied_by_the_level_and_stand_beside_the_raw_ones(
    score: Callable[..., dict[str, pa.Table]],
) -> None:
    raw, corrected = both(score(frames())), both(score(frames(), score_level="as_of", label_delay_hours=1))
    for shown, kept in RAW.items():
        np.testing.assert_array_equal(corrected[kept], raw[shown])
        multiplied = np.clip(raw[shown] * corrected[LEVEL], 1, 60)
        tail, _, later = shown.partition("_")
        if tail in ("lower", "upper"):
            below = tail == "lower"
            margin = corrected["_".join(filter(None, (tail, "margin", later)))]
            answer = corrected[f"predicted_{later or 'duration'}"]
            moved = np.minimum(multiplied - margin, answer) if below else np.maximum(multiplied + margin, answer)
            np.testing.assert_array_equal(corrected[shown], np.clip(moved, 1, 60))
        else:
            np.testing.assert_array_equal(corrected[shown], multiplied)
    unchanged = [name for name in raw.columns if name not in {*RAW, "diff"}]
    pd.testing.assert_frame_equal(corrected[unchanged], raw[unchanged])
    differences = corrected["actual_duration"] - corrected["predicted_duration"]
    np.testing.assert_array_equal(corrected["diff"], differences)
    known = corrected["actual_duration"].between(1, 60)
    settled = known & (corrected[PICKUP] > "2021-02-08") & (corrected[PICKUP] < "2021-04-01")
    truth = raw.loc[settled, "actual_duration"].sum() / raw.loc[settled, "predicted_without_distance"].sum()
    assert truth > 1.05
    # Of so few rides, about 160 count beside the 100 pseudo-rides.
    assert corrected.loc[settled, LEVEL].mean() == pytest.approx(1 + 0.6 * (truth - 1), abs=0.02)
    errors = [(table["predicted_without_distance"] - table["actual_duration"])[settled] for table in (raw, corrected)]
    assert np.mean(errors[1] ** 2) < 0.99 * np.mean(errors[0] ** 2)


def test_the_level_goes_on_from_month_to_month_and_is_1_of_trips_of_other_months(
    score: Callable[..., dict[str, pa.Table]],
) -> None:
    table = both(score(frames(), score_level="as_of", label_delay_hours=1))
    pickup, level = table[PICKUP], table[LEVEL]
    assert (level[pickup.between("2021-03-01", "2021-03-01 01:00")] > 1.05).all()
    assert (level[pickup < "2021-02-01 00:59"] == 1).all()
    assert (pickup < "2020-01-01").sum() == 2
    assert (level[pickup.between("2021-02-08", "2021-04-01")] != 1).all()


@pytest.mark.parametrize("delay", [0, 1, 24])
def test_labels_count_from_when_they_became_known(score: Callable[..., dict[str, pa.Table]], delay: int) -> None:
    month = raw_month("2021-02")
    cut = pd.Timestamp("2021-02-12 10:00")
    later = month.copy()
    unknown = later[DROPOFF] + pd.Timedelta(hours=delay) >= cut
    longer = (later[DROPOFF] + 0.3 * (later[DROPOFF] - later[PICKUP])).dt.floor("s")
    later[DROPOFF] = later[DROPOFF].mask(unknown, longer)
    asked = {"score_level": "as_of", "label_delay_hours": delay}
    one, two = (both(score({"2021-02": frame}, **asked)).set_index("ride_id") for frame in (month, later))
    before = one[PICKUP] < cut
    assert before.sum() > 1_000
    for column in (LEVEL, *MARGINS):
        assert one.loc[before, column].equals(two.loc[before, column])
        assert not one.loc[~before, column].equals(two.loc[~before, column])
        assert one.loc[before, column].nunique() > 1


def test_batches_and_threads_change_nothing(score: Callable[..., dict[str, pa.Table]]) -> None:
    asked = {"score_level": "as_of", "score_intervals": False, "score_without_distance": False}
    one = score({"2021-02": raw_month("2021-02")}, **asked)
    two = score({"2021-02": raw_month("2021-02")}, **asked, score_rows=2_500, engine_threads=1)
    [levels, others] = [both(table)[LEVEL] for table in (one, two)]
    np.testing.assert_allclose(levels, others, rtol=1e-6)
    assert levels.std() > 0.01
    assert both(one)[["lower_raw", *MARGINS]].isna().all(axis=None)


def test_the_written_months_give_the_very_margins_again_step_by_step(
    score: Callable[..., dict[str, pa.Table]],
) -> None:
    month = raw_month("2021-02").iloc[:-1]
    is_wrong = month[PICKUP].between("2021-02-13", "2021-02-16")
    doubled = month[DROPOFF] + 0.6 * (month[DROPOFF] - month[PICKUP])
    broken = month.assign(**{DROPOFF: month[DROPOFF].mask(is_wrong, doubled).dt.floor("s")})
    # So few rides a day are followed before they are frozen out, unless the guard is stricter than configured.
    guarded = CONFIGURED["level"] | {"guard_distance": 0.1}
    asked = {"score_level": "as_of", "label_delay_hours": 3, "level": guarded}
    table = both(score({"2021-02": broken}, **asked))
    limits = Scoring(**CONFIGURED | SCORING | {"score_data": "2021-02"} | asked).level
    assert limits is not None
    level, rules = limits.make_rules(3), limits.intervals.make_rules(package().calibration)
    known = table[table["actual_duration"].between(1, 60)]
    ends = known[PICKUP].dt.tz_localize("America/New_York").astype("int64") / 1e6 + 60 * known["actual_duration"]
    columns = package().columns(
        Rides(*(known[name].to_numpy(float) for name in ("PULocationID", "DOLocationID")), known[PICKUP].to_numpy(),
              known["trip_distance"].to_numpy())
    )  # fmt: skip
    edges, is_missing = package().calibration.edges, np.isnan(columns["trip_distance"])
    moments = [
        ("", buckets(columns["trip_distance"], edges), ~is_missing, False),
        ("_without_distance", buckets(columns["straight_distance"], edges), is_missing | True, True),
    ]
    parts = []
    for suffix, bucket, counts, without in moments:
        lower, upper = (np.clip(known[f"{tail}_raw{suffix}"] * known[LEVEL], 1, 60) for tail in ("lower", "upper"))
        values = (ends + 3 * HOUR, known["actual_duration"], lower, upper, bucket, np.full(len(known), without))
        parts.append(BoundedRides._make(np.asarray(each)[counts] for each in values))
    rides = BoundedRides._make(np.concatenate(each) for each in zip(*parts, strict=True))
    learned = EndedRides(*(np.asarray(each) for each in (
        ends + 3 * HOUR, known["actual_duration"], known["duration_raw_without_distance"]
    )))  # fmt: skip
    first = int(rides.known_at.min() // STEP)
    last = int(pd.Timestamp("2021-03-01", tz="America/New_York").timestamp() // STEP)
    states = list(follow_steps(LevelState(first), sum_steps(learned), last, level))
    frozen = {state.step - 1 for state in states if state.is_frozen}
    assert len(frozen) > 20
    state, used = MarginState.begin(float(first * STEP), rules), {}
    for step in range(first, last, 24):
        now = float((step // 24 + 1) * rules.refresh)
        chosen = (rides.known_at >= state.since) & (rides.known_at < now)
        batch = BoundedRides._make(values[chosen] for values in rides)
        state = advance_margins(state, batch, now, rules, kept_out=frozen)
        used[now] = np.array(state.margins)
    blocks = known[PICKUP].dt.tz_localize("America/New_York").astype("int64") / 1e6 // rules.refresh * rules.refresh
    for number, (suffix, bucket, counts, without) in enumerate(moments):
        for tail, name in enumerate(("lower", "upper")):
            again = [
                used[block][int(without), tail, place] if block in used else 0.0
                for block, place in zip(blocks[counts], bucket[counts], strict=True)
            ]
            written = known.loc[counts, f"{name}_margin{suffix}"]
            assert written.nunique() > 10, number
            assert written.tolist() == again


def test_intervals_hold_what_they_should_where_the_city_has_become_slower(
    score: Callable[..., dict[str, pa.Table]],
) -> None:
    table = both(score(frames(), score_level="as_of", label_delay_hours=24))
    settled = table[table["actual_duration"].between(1, 60) & (table[PICKUP] >= "2021-02-10")]
    for later in ("", "_without_distance"):
        held, was_held = (
            settled["actual_duration"].between(settled[f"lower{kind}{later}"], settled[f"upper{kind}{later}"]).mean()
            for kind in ("", "_raw")
        )
        assert held == pytest.approx(0.9, abs=0.012)
        assert abs(held - 0.9) < abs(was_held - 0.9)


def test_monitoring_evaluates_the_raw_answers(score: Callable[..., dict[str, pa.Table]]) -> None:
    raw, corrected = score(frames()), score(frames(), score_level="as_of")
    asked = monitoring(window="2021-02..2021-03")
    tables = [
        {partition: (lambda table=table: ibis.memtable(table)) for partition, table in scored.items()}
        for scored in (raw, corrected)
    ]
    summed = [sum_days(opened, asked) for opened in tables]
    pd.testing.assert_frame_equal(summed[0], summed[1])
    for partition, table in raw.items():
        shown = select_raw(ibis.memtable(corrected[partition])).to_pandas()
        pd.testing.assert_frame_equal(shown, table.to_pandas(), check_like=True, check_dtype=False)


def test_the_summary_says_what_the_level_has_changed_at_both_moments(
    score: Callable[..., dict[str, pa.Table]],
) -> None:
    scored = score({"2021-02": raw_month("2021-02")}, score_level="as_of", label_delay_hours=1)
    asked = Scoring(**CONFIGURED | SCORING | {"score_data": "2021-02", "score_level": "as_of", "label_delay_hours": 1})
    [table] = scored.values()
    opened = {partition_of("green", "2021-02"): lambda: ibis.memtable(table)}
    text = summarise_scores(opened, asked)
    assert "durations known 1 h after the drop-off" in text
    frame = table.to_pandas()
    known = frame[frame["actual_duration"].between(1, 60)]
    for moment, shown in (("with distance", "predicted_duration"), ("at request time", "predicted_without_distance")):
        [line] = [line for line in text.splitlines() if moment in line and line.startswith("2021-02")]
        for column in (RAW[shown], shown):
            rmse = np.sqrt(np.mean((known[column] - known["actual_duration"]) ** 2))
            assert f"{rmse:.3f}" in line
    off = summarise_scores(opened, asked.model_copy(update={"score_level": "off"}))
    assert text.startswith(off.rstrip("\n"))
    assert len(off) < len(text)
