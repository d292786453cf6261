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

from ride_duration.model_package import ModelPackage
from ride_duration.pipelines.batch_scoring.parameters import Scoring
from ride_duration.pipelines.batch_scoring.scored_level import LEVEL, RAW, select_raw
from ride_duration.pipelines.batch_scoring.scoring import partition_of, schema_of, score_trips
from ride_duration.pipelines.batch_scoring.scoring_summary import summarise_scores
from ride_duration.pipelines.monitoring.daily_sums import sum_days
from ride_duration.trips.simulation import default_city, simulate_month
from tests.pipelines.test_parameters import SCORING
from tests.support.level import CONFIGURED
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
        assert not {*RAW.values(), LEVEL} & {*table.column_names}
    assert schema_of(layout, with_level=True).names == [*schema_of(layout).names, *RAW.values(), LEVEL]


def test_answers_are_multiplied_by_the_level_and_stand_beside_the_raw_ones(
    score: Callable[..., dict[str, pa.Table]],
) -> None:
    raw, corrected = both(score(frames())), both(score(frames(), score_level="as_of", label_delay_hours=1))
    for shown, kept in RAW.items():
        np.testing.assert_array_equal(corrected[kept], raw[shown])
        np.testing.assert_array_equal(corrected[shown], np.clip(raw[shown] * corrected[LEVEL], 1, 60))
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
    assert one.loc[before, LEVEL].equals(two.loc[before, LEVEL])
    assert not one.loc[~before, LEVEL].equals(two.loc[~before, LEVEL])


def test_batches_and_threads_change_nothing(score: Callable[..., dict[str, pa.Table]]) -> None:
    asked = {"score_level": "as_of", "score_intervals": False, "score_without_distance": False}
    one = score({"2021-02": raw_month("2021-02")}, **asked)
    two = score({"2021-02": raw_month("2021-02")}, **asked, score_rows=2_500, engine_threads=1)
    [levels, others] = [both(table)[LEVEL] for table in (one, two)]
    np.testing.assert_allclose(levels, others, rtol=1e-6)
    assert levels.std() > 0.01
    assert both(one)["lower_raw"].isna().all()


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
