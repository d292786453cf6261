"""The simulated city: its contract, its physics, and its distance from the real months."""

import dataclasses
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

import ride_duration.trips.simulation
from ride_duration.errors import RideDurationError
from ride_duration.trips.simulation.city import City, Curve, Demand, Fleet, default_city
from ride_duration.trips.simulation.ground import (
    NEAREST,
    PLACES,
    bands,
    draw_columns,
    ground,
    kerb_miles,
    pair_character,
)
from ride_duration.trips.simulation.months_of_rides import along, flow, simulate_month
from ride_duration.trips.simulation.raw_records import SCHEMA
from ride_duration.trips.zones import zones

SEED = 1
TERMINAL_COLUMNS = [
    "store_and_fwd_flag",
    "RatecodeID",
    "passenger_count",
    "payment_type",
    "trip_type",
    "congestion_surcharge",
]
MONTHS = st.builds("{:04d}-{:02d}".format, st.integers(2009, 2035), st.integers(1, 12))


@pytest.fixture(scope="module")
def city() -> City:
    """The city whose knobs ship with the package."""
    return default_city()


@pytest.fixture(scope="module")
def january(city: City) -> pd.DataFrame:
    """Simulated 2021-01, with `minutes`."""
    return with_minutes(simulate_month("2021-01", city, SEED).to_pandas())


@pytest.fixture(scope="module")
def february(city: City) -> pd.DataFrame:
    """Simulated 2021-02, with `minutes`."""
    return with_minutes(simulate_month("2021-02", city, SEED).to_pandas())


@pytest.fixture
def real(tlc_month: Callable[[str], Path]) -> pd.DataFrame:
    """Real 2021-01, with `minutes`."""
    return with_minutes(pd.read_parquet(tlc_month("2021-01")))


def with_minutes(rides: pd.DataFrame) -> pd.DataFrame:
    """Add the duration in minutes."""
    return rides.assign(minutes=(rides.lpep_dropoff_datetime - rides.lpep_pickup_datetime).dt.total_seconds() / 60)


def kept(rides: pd.DataFrame) -> pd.DataFrame:
    """Rides of 1 to 60 minutes."""
    return rides[rides.minutes.between(1, 60)]


def with_rides(fleet: Fleet, rides: Any) -> Fleet:
    """The fleet with other rides per hour (7 x 24)."""
    week = tuple(tuple(float(value) for value in day) for day in rides)
    return dataclasses.replace(fleet, demand=dataclasses.replace(fleet.demand, rides=week))


def village(city: City) -> City:
    """The same city with a hundredth of its rides, so that a month is quickly made."""
    fewer = [with_rides(fleet, np.array(fleet.demand.rides) / 100) for fleet in (city.hailed, city.dispatched)]
    return dataclasses.replace(city, hailed=fewer[0], dispatched=fewer[1])


def at_hour(city: City, hour: int) -> City:
    """The same city where everybody rides at one hour of working days."""
    week = np.zeros((7, 24))
    week[:5, hour] = 300
    one_part = np.array(city.hailed.demand.pickups).sum(axis=0)
    demand = Demand(tuple(map(tuple, week)), 0.0, (0,), (tuple(one_part),))
    return dataclasses.replace(
        city,
        hailed=dataclasses.replace(city.hailed, demand=demand),
        dispatched=with_rides(city.dispatched, np.zeros((7, 24))),
    )


class TestContract:
    def test_columns_names_order_and_types_are_the_schema(self, city: City) -> None:
        assert simulate_month("2021-01", village(city), SEED).schema == SCHEMA

    @pytest.mark.real_data
    def test_schema_is_that_of_the_real_file(self, tlc_month: Callable[[str], Path]) -> None:
        assert pq.read_schema(tlc_month("2021-01")).remove_metadata() == SCHEMA

    @pytest.mark.parametrize("month", ["2021-01", "2021-02", "2024-10", "2012-01", "2014-02"])
    def test_a_month_has_60_to_80_thousand_rows(self, city: City, month: str) -> None:
        assert 60_000 <= simulate_month(month, city, SEED).num_rows <= 80_000

    def test_same_seed_writes_the_same_bytes(self, city: City, tmp_path: Path) -> None:
        for name in ("one", "two"):
            pq.write_table(simulate_month("2021-01", city, SEED), tmp_path / name)
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()

    def test_other_seed_and_other_month_give_other_rides(self, city: City) -> None:
        small = village(city)
        tables = [simulate_month(*case) for case in (("2021-01", small, 1), ("2021-01", small, 2))]
        assert not tables[0].equals(tables[1])
        miles = [simulate_month(month, small, 1)["trip_distance"].to_pylist()[:50] for month in ("2021-01", "2021-03")]
        assert miles[0] != miles[1]

    @settings(max_examples=10, deadline=None)
    @given(first=MONTHS, second=MONTHS, seed=st.integers(0, 2**32))
    def test_months_may_be_made_in_any_order(self, city: City, first: str, second: str, seed: int) -> None:
        small = village(city)
        forth = [simulate_month(month, small, seed) for month in (first, second)]
        back = [simulate_month(month, small, seed) for month in (second, first)]
        assert forth == back[::-1]

    @pytest.mark.parametrize("month", ["2021-13", "2021-1", "21-01", "2021-00", "1021-01", "2021-01-01", ""])
    def test_malformed_month_is_refused(self, city: City, month: str) -> None:
        with pytest.raises(RideDurationError, match="YYYY-MM"):
            simulate_month(month, city, SEED)

    def test_negative_seed_is_refused(self, city: City) -> None:
        with pytest.raises(RideDurationError, match="seed -1"):
            simulate_month("2021-01", city, -1)


class TestRecords:
    @settings(max_examples=10, deadline=None)
    @given(month=MONTHS, seed=st.integers(0, 2**32))
    def test_any_month_keeps_the_form(self, city: City, month: str, seed: int) -> None:
        rides = simulate_month(month, village(city), seed).to_pandas()
        assert rides.PULocationID.between(1, 265).all()
        assert rides.DOLocationID.between(1, 265).all()
        assert (rides.trip_distance >= 0).all()
        inside = rides.lpep_pickup_datetime.dt.strftime("%Y-%m") == month
        assert inside.mean() > 0.98
        missing = rides[TERMINAL_COLUMNS].isna()
        assert (missing.all(axis=1) == missing.any(axis=1)).all()

    def test_rides_run_hour_by_hour_hailed_first(self, january: pd.DataFrame) -> None:
        dispatched = january.passenger_count.isna()
        assert dispatched.is_monotonic_increasing
        inside = january.lpep_pickup_datetime.dt.strftime("%Y-%m") == "2021-01"
        for part in (january[dispatched & inside], january[~dispatched & inside]):
            assert part.lpep_pickup_datetime.dt.floor("h").is_monotonic_increasing

    def test_dispatched_rides_know_whole_minutes(self, january: pd.DataFrame) -> None:
        part = january[january.passenger_count.isna() & (january.lpep_pickup_datetime.dt.year == 2021)]
        assert (part.lpep_pickup_datetime.dt.second == 0).all()
        assert (part.minutes % 1 == 0).all()

    def test_all_kinds_of_dirt_are_there(self, january: pd.DataFrame) -> None:
        assert 20 <= (january.trip_distance > 100).sum() <= 120
        assert january.trip_distance.max() > 10_000
        assert (january.trip_distance == 0).sum() > 1000
        assert (january.minutes == 0).any()
        assert (january.minutes < 0).any()
        assert (january.minutes > 1300).sum() > 20
        assert {264, 265} <= set(january.PULocationID) & set(january.DOLocationID)
        assert (january.lpep_pickup_datetime < "2021-01-01").any()
        assert 0.4 < january.passenger_count.isna().mean() < 0.55

    def test_refund_repeats_a_record_with_negative_amounts(self, january: pd.DataFrame) -> None:
        refund = np.flatnonzero(january.fare_amount < 0)
        assert len(refund) > 20
        same = ["lpep_pickup_datetime", "lpep_dropoff_datetime", "PULocationID", "DOLocationID", "trip_distance"]
        first, second = january.iloc[refund - 1], january.iloc[refund]
        assert (first[same].to_numpy() == second[same].to_numpy()).all()
        np.testing.assert_allclose(first.total_amount, -second.total_amount)

    def test_total_is_the_sum_of_its_parts(self, january: pd.DataFrame) -> None:
        parts = ["fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", "improvement_surcharge"]
        total = january[[*parts, "congestion_surcharge"]].sum(axis=1)
        np.testing.assert_allclose(january.total_amount, total, atol=0.02)


class TestPhysics:
    def test_same_zone_pair_is_faster_at_3_in_the_night_than_at_5_in_the_afternoon(self, city: City) -> None:
        minutes = {}
        for hour in (3, 17):
            rides = kept(with_minutes(simulate_month("2021-03", at_hour(city, hour), SEED).to_pandas()))
            pair = rides.groupby(["PULocationID", "DOLocationID"]).minutes
            minutes[hour] = pair.median()[pair.size() >= 10]
        night, afternoon = minutes[3].align(minutes[17], join="inner")
        assert len(night) > 50
        assert (night < afternoon).mean() > 0.8

    def test_longer_ways_take_longer(self, january: pd.DataFrame) -> None:
        rides = kept(january[january.trip_distance.between(0.5, 20)])
        by_distance = rides.minutes.groupby(pd.cut(rides.trip_distance, [0.5, 1, 2, 3, 5, 8, 12, 20])).median()
        assert by_distance.is_monotonic_increasing

    def test_meter_shows_about_the_way_between_the_zones(self, january: pd.DataFrame) -> None:
        rides = january[(january.PULocationID <= PLACES) & (january.DOLocationID <= PLACES)]
        straight = ground().miles[rides.PULocationID - 1, rides.DOLocationID - 1]
        ratio = rides.trip_distance[straight > 2] / straight[straight > 2]
        assert 1.1 < ratio.median() < 1.6

    def test_slower_traffic_makes_longer_rides(self, city: City, january: pd.DataFrame) -> None:
        hours = tuple(tuple(factor / 2 for factor in row) for row in city.traffic.hours)
        jammed = dataclasses.replace(city, traffic=dataclasses.replace(city.traffic, hours=hours))
        slow = with_minutes(simulate_month("2021-01", jammed, SEED).to_pandas())
        assert len(slow) == len(january)
        assert slow.minutes.median() == pytest.approx(2 * january.minutes.median(), rel=0.03)

    def test_unknown_zones_have_no_place(self) -> None:
        assert np.isnan([zones()[264].x, zones()[265].x]).all()
        assert np.isfinite([ground().x, ground().y, ground().radius]).all()


class TestParts:
    def test_flow_weights_are_finite_and_every_origin_leads_somewhere(self, city: City) -> None:
        for fleet in (city.hailed, city.dispatched):
            weights = flow(city, fleet)
            assert weights.shape == (PLACES, PLACES)
            assert np.isfinite(weights).all()
            assert (weights >= 0).all()
            ridden = np.array(fleet.demand.pickups).sum(axis=0) > 0
            assert (weights[ridden].sum(axis=1) > 0).all()

    @given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3).filter(any), min_size=1, max_size=4))
    def test_only_columns_with_weight_are_drawn(self, weights: list[list[int]]) -> None:
        row = np.repeat(np.arange(len(weights)), 30)
        column = draw_columns(np.array(weights, float), row, np.random.default_rng(0))
        assert (np.array(weights)[row, column] > 0).all()

    def test_columns_are_drawn_by_their_weight(self) -> None:
        drawn = draw_columns(np.array([[1.0, 0.0, 3.0]]), np.zeros(40_000, np.int64), np.random.default_rng(0))
        assert np.bincount(drawn) / 40_000 == pytest.approx([0.25, 0, 0.75], abs=0.01)

    @given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=5))
    def test_a_curve_stays_between_its_ends(self, miles: list[float]) -> None:
        value = along(Curve((0.5, 2.0, 8.0), (10.0, 12.0, 20.0)), np.array(miles))
        assert ((value >= 10) & (value <= 20)).all()

    def test_kerbs_are_near_their_zones(self) -> None:
        zone = np.repeat(np.arange(PLACES), 20)
        miles = kerb_miles(zone, zone, 0.6, np.random.default_rng(0))
        assert (miles >= NEAREST).all()
        assert (miles <= 1.2 * ground().radius[zone] + NEAREST).all()

    def test_bands_grow_with_distance_and_start_within_the_zone(self) -> None:
        band = bands((1.0, 5.0))
        assert (np.diag(band) == 0).all()
        assert set(np.unique(band)) == {0, 1, 2, 3}
        assert ground().miles[band == 3].min() > 5

    def test_character_of_zone_pairs_lasts(self) -> None:
        np.testing.assert_array_equal(pair_character(3, 1), pair_character(3, 1))
        assert not np.array_equal(pair_character(3, 1), pair_character(3, 2))


def histogram(rides: pd.DataFrame, name: str) -> Any:
    """Counts in fixed bins; the last bin is open."""
    pickup, miles = rides.lpep_pickup_datetime.dt, rides.trip_distance
    values, bins = {
        "hour": (pickup.hour, 24),
        "weekday": (pickup.day_of_week, 7),
        "pick-up zone": (rides.PULocationID, 266),
        "drop-off zone": (rides.DOLocationID, 266),
        "distance": (np.minimum(miles, 20) / 0.5, 41),
        "duration": (np.minimum(rides.minutes, 59.9), 60),
        "speed": (np.minimum(60 * miles / rides.minutes, 60) / 2, 31),
    }[name]
    return np.bincount(np.asarray(values).astype(int), minlength=bins)


@pytest.mark.real_data
class TestAgainstRealMonth:
    @pytest.mark.parametrize(
        ("name", "bound"),
        [
            ("hour", 0.05),
            ("weekday", 0.05),
            ("pick-up zone", 0.1),
            ("drop-off zone", 0.1),
            ("distance", 0.05),
            ("duration", 0.05),
            ("speed", 0.06),
        ],
    )
    def test_marginals_are_within_the_stated_distance(
        self, real: pd.DataFrame, january: pd.DataFrame, name: str, bound: float
    ) -> None:
        distance = jensenshannon(histogram(kept(real), name), histogram(kept(january), name), base=2)
        assert distance <= bound

    def test_rows_dirt_and_gaps_have_their_real_shares(self, real: pd.DataFrame, january: pd.DataFrame) -> None:
        assert len(january) == pytest.approx(len(real), rel=0.05)
        assert len(kept(january)) / len(january) == pytest.approx(len(kept(real)) / len(real), abs=0.01)
        shares = {
            "missing": lambda rides: rides.passenger_count.isna().mean(),
            "no miles": lambda rides: (rides.trip_distance == 0).mean(),
            "at once": lambda rides: (rides.minutes < 1).mean(),
            "left on": lambda rides: (rides.minutes > 180).mean(),
        }
        for name, share in shares.items():
            assert share(january) == pytest.approx(share(real), rel=0.25), name


class TestModels:
    """Models trained on simulated 2021-01 and scored on 2021-02 err about as much as on the real months."""

    def test_constant_and_zone_pair_median(self, january: pd.DataFrame, february: pd.DataFrame) -> None:
        train, score = kept(january), kept(february)
        assert rmse(score, train.minutes.mean()) == pytest.approx(12.213, rel=0.25)
        medians = train.minutes.groupby(zone_pair(train)).median()
        by_pair = zone_pair(score).map(medians).fillna(train.minutes.median())
        assert rmse(score, by_pair) == pytest.approx(9.071, rel=0.25)

    def test_unseen_zone_pairs(self, january: pd.DataFrame, february: pd.DataFrame) -> None:
        seen = set(zone_pair(kept(january)))
        assert (~zone_pair(kept(february)).isin(seen)).mean() == pytest.approx(0.085, rel=0.25)

    def test_linear_model_of_the_reference(self, january: pd.DataFrame, february: pd.DataFrame) -> None:
        from sklearn.compose import make_column_transformer
        from sklearn.linear_model import LinearRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder

        train, score = (
            rides.assign(PU_DO=zone_pair(rides))[["PU_DO", "trip_distance", "minutes"]]
            for rides in (kept(january), kept(february))
        )
        columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["PU_DO"]), remainder="passthrough")
        model = make_pipeline(columns, LinearRegression()).fit(train.drop(columns="minutes"), train.minutes)
        assert rmse(score, model.predict(score.drop(columns="minutes"))) == pytest.approx(7.758715, rel=0.25)

    def test_boosted_trees_with_and_without_distance(self, january: pd.DataFrame, february: pd.DataFrame) -> None:
        from xgboost import XGBRegressor

        train, score = kept(january), kept(february)
        inputs = np.r_[tree_inputs(train, known=True), tree_inputs(train, known=False)]
        model = XGBRegressor(n_estimators=100, max_depth=7, learning_rate=0.2, min_child_weight=5, n_jobs=1)
        model.fit(inputs, np.r_[train.minutes, train.minutes])
        assert rmse(score, model.predict(tree_inputs(score, known=True))) == pytest.approx(5.15, rel=0.25)
        assert rmse(score, model.predict(tree_inputs(score, known=False))) == pytest.approx(6.04, rel=0.25)


def rmse(rides: pd.DataFrame, predicted: Any) -> float:
    """Root mean squared error in minutes."""
    return float(np.sqrt(np.mean((rides.minutes - predicted) ** 2)))


def zone_pair(rides: pd.DataFrame) -> Any:
    """Pick-up and drop-off zone as one string."""
    return rides.PULocationID.astype(str) + "_" + rides.DOLocationID.astype(str)


def tree_inputs(rides: pd.DataFrame, *, known: bool) -> Any:
    """Places, straight way, time, and metered miles where `known`."""
    x, y = (np.array([getattr(zones()[zone], axis) for zone in range(1, 266)]) for axis in "xy")
    here, there = rides.PULocationID.to_numpy() - 1, rides.DOLocationID.to_numpy() - 1
    straight = np.hypot(x[there] - x[here], y[there] - y[here])
    pickup, miles = rides.lpep_pickup_datetime.dt, rides.trip_distance.to_numpy()
    miles = np.where(known & (miles > 0) & (miles <= 100), miles, np.nan)
    hour = pickup.hour + pickup.minute / 60
    return np.stack([x[here], y[here], x[there], y[there], straight, hour, pickup.day_of_week, miles], axis=1)


def test_shipped_knobs_are_few_and_round() -> None:
    """A knob file that grows towards the size of the data would be a copy of it."""
    knobs = (files(ride_duration.trips.simulation) / "simulated_city.json").read_text(encoding="utf-8")
    assert len(knobs) < 60_000
    assert isinstance(default_city(), City)
