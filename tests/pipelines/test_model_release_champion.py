"""A package against the champion: paired, day by day, on a month that neither has learnt from."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.pipelines.data_science.slices import slices_of
from ride_duration.pipelines.model_release import champion as champion_module
from ride_duration.pipelines.model_release.champion import common_month, compare_with_champion, rmse_difference
from ride_duration.pipelines.model_release.checks import Check
from tests.pipelines.test_data_science_evaluation import SLICES, sliced
from tests.pipelines.test_data_science_zoo import simulated_features
from tests.pipelines.test_model_release_gate import gate
from tests.pipelines.test_model_release_packaging import package, repacked

ERRORS = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).exponential(25, (2, 600)))
DAYS = np.arange(600) % 28


def february(rows: int = 4_000) -> pd.DataFrame:
    """Trips of a month that the packages have not learnt from."""
    return simulated_features(rows, "2021-02")


def learnt_from(*months: str) -> Any:
    """A champion that answers as the package does, and has learnt from these months."""
    return repacked(package(), {"train_data": list(months)})


@settings(max_examples=30, deadline=None, derandomize=True)
@given(ERRORS)
def test_who_is_worse_one_way_is_better_the_other_way(errors: Any) -> None:
    new, old = errors
    there, back = rmse_difference(new, old, DAYS, 1), rmse_difference(old, new, DAYS, 1)
    assert there.low <= there.middle + 0.05
    assert (1 + there.middle) * (1 + back.middle) == pytest.approx(1)
    assert (1 + there.low) * (1 + back.high) == pytest.approx(1, rel=0.02)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(ERRORS, st.floats(0.5, 2))
def test_errors_that_are_alike_differ_by_their_factor(errors: Any, factor: float) -> None:
    difference = rmse_difference(errors[0] * factor**2, errors[0], DAYS, 1)
    assert list(difference) == pytest.approx([factor - 1] * 3, abs=1e-9)


def test_the_same_errors_differ_by_nothing() -> None:
    errors = np.random.default_rng(1).exponential(25, 600)
    assert rmse_difference(errors, errors, DAYS, 1) == (0, 0, 0)


def test_two_models_without_error_are_alike() -> None:
    zero = np.zeros(600)
    assert np.isfinite(rmse_difference(zero, zero, DAYS, 1)).all()


def test_the_same_seed_draws_the_same_days() -> None:
    new, old = np.random.default_rng(1).exponential(25, (2, 600))
    assert rmse_difference(new, old, DAYS, 7) == rmse_difference(new, old, DAYS, 7)
    assert rmse_difference(new, old, DAYS, 7) != rmse_difference(new, old, DAYS, 8)


def test_a_difference_of_single_days_is_less_sure_than_one_of_every_day() -> None:
    old = np.full(600, 25.0)
    every_day, one_day = old * 1.1, np.where(DAYS == 3, old * (1 + 0.1 * 28), old)
    steady, single = (rmse_difference(new, old, DAYS, 1) for new in (every_day, one_day))
    assert steady.middle == pytest.approx(single.middle, rel=0.05)
    assert single.high - single.low > 10 * (steady.high - steady.low)


def test_the_newest_month_that_neither_has_learnt_from_is_common() -> None:
    judged = pd.DataFrame({"month": ["2021-02", "2021-03", "2021-04"]})
    assert common_month(judged, package(), learnt_from("2021-01")) == "2021-04"
    assert common_month(judged, learnt_from("2021-04"), learnt_from("2021-01")) == "2021-03"
    assert common_month(judged, package(), learnt_from("2021-03", "2021-04")) == "2021-02"
    assert common_month(judged, package(), learnt_from("2021-02", "2021-03", "2021-04")) is None


def checks(new: Any, champion: Any, rows: pd.DataFrame | None = None, **changed: Any) -> list[Check]:
    rows = february() if rows is None else rows
    slices = slices_of(rows, simulated_features(2_000), new.calibration.edges, SLICES)
    return compare_with_champion(new, champion, rows, slices, gate(**changed))


def test_where_there_is_no_champion_nothing_stands_in_the_way() -> None:
    for check in checks(package(), None):
        assert check.passed
        assert check.evidence == "there is none yet"


def test_a_package_is_not_worse_than_itself() -> None:
    in_all, in_slices = checks(package(), package())
    assert in_all.passed
    assert in_slices.passed
    assert in_all.evidence == (
        "on 2021-02, 4,000 trips: +0.00% (at most +0.00%) after the ride, +0.00% (at most +0.00%) before the ride"
    )
    assert in_slices.evidence == "none on 2021-02, of 1 compared"


def test_a_worse_package_fails_with_how_much_worse_and_where() -> None:
    in_all, in_slices = checks(package("mean"), package(), slice_trips=100)
    assert not in_all.passed
    assert "after the ride" in in_all.evidence
    assert "before the ride" in in_all.evidence
    assert not in_slices.passed
    for name in ("straight distance 5 to 8 miles", "distance (5.0, 10.0] miles", "zone pair seen"):
        assert f"{name} +" in in_slices.evidence
    assert "hour " in in_slices.evidence
    assert "borough pair Queens - Queens" in in_slices.evidence


def test_a_better_package_passes() -> None:
    assert all(check.passed for check in checks(package(), package("mean"), slice_trips=100))


def test_slices_with_few_trips_are_not_compared() -> None:
    assert checks(package("mean"), package(), slice_trips=10**6)[1].evidence == "none on 2021-02, of 0 compared"


def test_slices_with_few_days_are_named_as_not_compared() -> None:
    rows = february()
    three_days = rows[rows["pickup_datetime"].dt.day <= 3]
    in_slices = checks(package("mean"), package(), three_days, slice_trips=100)[1]
    assert in_slices.passed
    told = "none on 2021-02, of 0 compared; not compared, since they have fewer than 5 days to resample: "
    assert in_slices.evidence.startswith(told)
    assert "zone pair seen" in in_slices.evidence


@pytest.mark.parametrize("kind", sorted(set(sliced()["slice"])))
def test_each_kind_of_slice_that_is_reported_is_compared(kind: str) -> None:
    in_slices = checks(package("mean"), package(), slice_trips=100)[1]
    assert f"{kind.replace('_', ' ')} " in in_slices.evidence


def test_the_threshold_is_the_upper_bound_and_passes_itself() -> None:
    rows, new, old = february(), package("lasso"), package("ridge")
    errors = champion_module._squared_errors(new, rows), champion_module._squared_errors(old, rows)
    high = rmse_difference(*errors, champion_module._days(rows), gate().seed).high
    assert high > 0
    assert checks(new, old, champion_worse=high)[0].passed
    assert not checks(new, old, champion_worse=high - 1e-9)[0].passed


def test_a_model_that_needs_the_distance_does_not_replace_one_that_answers_before_the_ride() -> None:
    in_all, _ = checks(package("ridge"), package("mean"))
    assert not in_all.passed
    assert in_all.evidence.startswith("on 2021-02, 4,000 trips: -")
    assert in_all.evidence.endswith(" after the ride, before the ride it has no answer, and the champion has one")


def test_a_champion_that_needs_the_distance_is_compared_with_after_the_ride_alone() -> None:
    for new in (package(), package("ridge")):
        in_all, _ = checks(new, package("ridge"))
        assert in_all.passed
        assert "before the ride" not in in_all.evidence


def test_without_a_common_month_both_fail_and_say_what_to_do() -> None:
    for check in checks(package(), learnt_from("2021-01", "2021-02")):
        assert not check.passed
        assert check.evidence == (
            "the champion learnt from 2021-01, 2021-02; judge on a month (val_data) that neither has learnt from"
        )


def test_only_the_common_month_is_looked_at() -> None:
    march = simulated_features(1_500, "2021-01").assign(month="2021-03")
    both = pd.concat([february(1_000), march], ignore_index=True)
    assert "on 2021-02, 1,000 trips" in checks(package(), learnt_from("2021-03"), both)[0].evidence
    assert "on 2021-03, 1,500 trips" in checks(package(), learnt_from("2021-01"), both)[0].evidence
