"""A package against the champion: paired, day by day, on a month after all that either was trained on."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.model_package import ModelPackage
from ride_duration.pipelines.data_science.slices import slices_of
from ride_duration.pipelines.model_release.answer_errors import days_of, find_errors
from ride_duration.pipelines.model_release.champion import (
    Comparison,
    _find_no_improvement,
    compare_with_champions,
    find_common_month,
)
from ride_duration.pipelines.model_release.gate_checks import Check
from ride_duration.stats.bootstrap import Difference, compare_rmse
from tests.model_package.tiny import tiny_package
from tests.support.evaluation import SLICES, sliced
from tests.support.gate import gate
from tests.support.models import simulated_features
from tests.support.packages import package, repacked

ERRORS = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).exponential(25, (2, 600)))
DAYS = np.arange(600) % 28


def february(rows: int = 4_000) -> pd.DataFrame:
    """Trips of a month after those that the packages were trained on."""
    return simulated_features(rows, "2021-02")


def trained_on(*months: str, model: str = "xgboost") -> ModelPackage:
    """A package of a model, as if it had been trained on these months."""
    return repacked(package(model), {"train_data": list(months)})


@settings(max_examples=30, deadline=None, derandomize=True)
@given(ERRORS)
def test_who_is_worse_one_way_is_better_the_other_way(errors: Any) -> None:
    new, old = errors
    there, back = compare_rmse(new, old, DAYS, 1), compare_rmse(old, new, DAYS, 1)
    assert there.low <= there.middle + 0.05
    assert (1 + there.middle) * (1 + back.middle) == pytest.approx(1)
    assert (1 + there.low) * (1 + back.high) == pytest.approx(1, rel=0.02)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(ERRORS, st.floats(0.5, 2))
def test_errors_that_are_alike_differ_by_their_factor(errors: Any, factor: float) -> None:
    difference = compare_rmse(errors[0] * factor**2, errors[0], DAYS, 1)
    assert list(difference) == pytest.approx([factor - 1] * 3, abs=1e-9)


def test_the_same_errors_differ_by_nothing() -> None:
    errors = np.random.default_rng(1).exponential(25, 600)
    assert compare_rmse(errors, errors, DAYS, 1) == (0, 0, 0)


def test_two_models_without_error_are_alike() -> None:
    zero = np.zeros(600)
    assert np.isfinite(compare_rmse(zero, zero, DAYS, 1)).all()


def test_the_same_seed_draws_the_same_days() -> None:
    new, old = np.random.default_rng(1).exponential(25, (2, 600))
    assert compare_rmse(new, old, DAYS, 7) == compare_rmse(new, old, DAYS, 7)
    assert compare_rmse(new, old, DAYS, 7) != compare_rmse(new, old, DAYS, 8)


def test_a_difference_of_single_days_is_less_sure_than_one_of_every_day() -> None:
    old = np.full(600, 25.0)
    every_day, one_day = old * 1.1, np.where(DAYS == 3, old * (1 + 0.1 * 28), old)
    steady, single = (compare_rmse(new, old, DAYS, 1) for new in (every_day, one_day))
    assert steady.middle == pytest.approx(single.middle, rel=0.05)
    assert single.high - single.low > 10 * (steady.high - steady.low)


def test_the_newest_month_is_common_if_it_is_later_than_all_that_either_was_trained_on() -> None:
    evaluated = pd.DataFrame({"month": ["2021-02", "2021-03", "2021-04"]})
    assert find_common_month(evaluated, package(), trained_on("2021-01")) == "2021-04"
    assert find_common_month(evaluated, package(), trained_on("2021-02", "2021-03")) == "2021-04"
    assert find_common_month(evaluated, package(), None) == "2021-04"
    for newest in ("2021-04", "2023-01"):
        assert find_common_month(evaluated, package(), trained_on("2021-01", newest)) is None
        assert find_common_month(evaluated, trained_on(newest), package()) is None
    assert find_common_month(evaluated.iloc[:0], package(), None) is None


def compared(new: ModelPackage, champion: Any, rows: pd.DataFrame | None = None, **changed: Any) -> Comparison:
    rows = february() if rows is None else rows
    slices = slices_of(rows, simulated_features(2_000), new.calibration.edges, SLICES)
    return compare_with_champions(new, champion, [], rows, slices, gate(**changed))


def checks(new: ModelPackage, champion: Any, rows: pd.DataFrame | None = None, **changed: Any) -> list[Check]:
    return compared(new, champion, rows, **changed).checks[:2]


def test_where_there_is_no_champion_nothing_stands_in_the_way() -> None:
    for check in compared(package(), None).checks:
        assert check.passed
        assert check.evidence == "there is none yet"


def test_a_package_is_not_worse_than_itself() -> None:
    in_all, in_slices = checks(package(), package())
    assert in_all.passed
    assert in_slices.passed
    assert in_all.evidence == (
        "on 2021-02, 4,000 trips: RMSE +0.00% (95 % bound: at most +0.00%), MAE +0.00% with metered distance; "
        "RMSE +0.00% (95 % bound: at most +0.00%), MAE +0.00% at request time"
    )
    assert in_slices.evidence == "none on 2021-02, of 1 compared"


def test_a_worse_package_fails_with_how_much_worse_and_where() -> None:
    in_all, in_slices = checks(package("mean"), package(), slice_trips=100)
    assert not in_all.passed
    assert "with metered distance" in in_all.evidence
    assert "at request time" in in_all.evidence
    assert not in_slices.passed
    for name in ("straight distance 5 to 8 miles", "distance (5.0, 10.0] miles", "zone pair seen"):
        assert f"{name} +" in in_slices.evidence
    assert "hour " in in_slices.evidence
    assert "borough pair Queens - Queens" in in_slices.evidence


def test_of_many_worse_slices_the_worst_three_are_named_in_brief() -> None:
    _, in_slices = checks(package("mean"), package(), slice_trips=100)
    *named, more = in_slices.brief.split("; ")
    found = in_slices.evidence.split("; ")
    assert named == found[:3]
    assert more == f"and {len(found) - 3} more slices"
    worse = [float(re.search(r"([+-][\d.]+)%", words)[1]) for words in found]  # type: ignore[index]
    assert worse == sorted(worse, reverse=True)
    assert all("(95 % bound: at least +" in words for words in found)


def test_a_better_package_passes() -> None:
    assert all(check.passed for check in checks(package(), package("mean"), slice_trips=100))


def test_slices_with_few_trips_are_not_compared() -> None:
    assert checks(package("mean"), package(), slice_trips=10**6)[1].evidence == "none on 2021-02, of 0 compared"


def test_slices_with_few_days_are_named_as_not_compared() -> None:
    rows = february()
    few_days = rows["pickup_datetime"].dt.day <= 4
    rows = rows.assign(borough_pair=rows["borough_pair"].where(~few_days, "Here - There"))
    in_slices = checks(package(), package("mean"), rows, slice_trips=100)[1]
    assert in_slices.passed
    assert in_slices.evidence.endswith(
        " compared; not compared, since they have fewer than 5 days to resample: borough pair Here - There"
    )


@pytest.mark.parametrize("kind", sorted(set(sliced()["slice"])))
def test_each_kind_of_slice_that_is_reported_is_compared(kind: str) -> None:
    in_slices = checks(package("mean"), package(), slice_trips=100)[1]
    assert f"{kind.replace('_', ' ')} " in in_slices.evidence


def test_the_threshold_is_the_upper_bound_and_passes_itself() -> None:
    rows, new, old = february(), package("lasso"), package("ridge")
    squared = [find_errors(of, rows)[""] ** 2 for of in (new, old)]
    high = compare_rmse(*squared, days_of(rows), gate().seed).high
    assert high > 0
    assert checks(new, old, champion_worse=high)[0].passed
    assert not checks(new, old, champion_worse=high - 1e-9)[0].passed


def test_a_model_that_needs_the_distance_does_not_replace_one_that_answers_before_the_ride() -> None:
    in_all, _ = checks(package("ridge"), package("mean"))
    assert not in_all.passed
    assert in_all.evidence.startswith("on 2021-02, 4,000 trips: RMSE -")
    assert in_all.evidence.endswith(
        " with metered distance; at request time it has no answer, and the champion has one"
    )


def test_a_champion_that_needs_the_distance_is_compared_with_after_the_ride_alone() -> None:
    for new in (package(), package("ridge")):
        in_all, _ = checks(new, package("ridge"))
        assert in_all.passed
        assert "at request time" not in in_all.evidence


@pytest.mark.parametrize("newest", ["2021-02", "2023-01"])
def test_without_a_common_month_all_fail_and_say_what_to_do(newest: str) -> None:
    for check in compared(package("mean"), trained_on("2021-01", newest)).checks:
        assert not check.passed
        assert check.evidence == (
            f"the champion was trained on 2021-01, {newest}; evaluate on a month (val_data) later than all that "
            "either was trained on"
        )


def test_only_the_common_month_is_looked_at() -> None:
    march = simulated_features(4_000, "2021-01").assign(month="2021-03")
    both = pd.concat([february(2_000), march], ignore_index=True)
    assert "on 2021-03, 4,000 trips" in checks(package(), trained_on("2021-02"), both)[0].evidence


def test_stray_days_are_left_out_and_too_few_days_are_no_comparison() -> None:
    rows = february(2_000)
    stray = rows.iloc[:30].assign(pickup_datetime=pd.Timestamp("2009-01-01 08:00"), duration=500.0)
    with_stray = pd.concat([rows, stray], ignore_index=True)
    assert checks(package("mean"), package(), with_stray) == checks(package("mean"), package(), rows)
    four_days = rows[rows["pickup_datetime"].dt.day <= 4]
    for check in compared(package(), package("mean"), four_days).checks:
        assert not check.passed
        assert check.evidence == (
            "2021-02 has 4 days of 50 trips or more, and a comparison needs 5; evaluate on a month (val_data) with "
            "more trips"
        )


def test_answers_before_the_ride_are_not_sliced_by_the_metered_distance() -> None:
    """Among rides that turned out short, whoever predicts too little looks good, and is not."""
    rng, rows = np.random.default_rng(1), february(3_000)
    driven = rng.uniform(1, 10, len(rows))
    rows = rows.assign(straight_distance=5.0, trip_distance=driven, duration=3 * driven)
    better, too_short = (
        repacked(ModelPackage(tiny_package(factor)), {"train_data": ["2021-01"]}) for factor in (3, 1.5)
    )
    in_all, in_slices = checks(better, too_short, rows, slice_trips=100)
    assert in_all.passed
    assert "distance (2.0, 5.0] miles +" in in_slices.evidence
    assert "with metered distance" in in_slices.evidence, "then the distance was known"
    assert "at request time" not in in_slices.evidence


SAME, MORE, NEWER, OLDER = ("2021-01",), ("2020-12", "2021-01"), ("2021-02",), ("2020-12",)


@pytest.mark.parametrize(
    ("model", "champion", "trained", "improvement"),
    [
        ("xgboost", "xgboost", SAME, False),
        ("xgboost", "xgboost", OLDER, False),
        ("xgboost", "xgboost", MORE, True),
        ("xgboost", "xgboost", NEWER, True),
        ("xgboost", "mean", SAME, True),
        ("xgboost", "mean", OLDER, True),
        ("mean", "xgboost", SAME, False),
        ("mean", "ridge", SAME, True),  # which has no answer at request time
    ],
)
def test_a_model_that_brings_no_newer_months_must_be_better(
    model: str, champion: str, trained: tuple[str, ...], improvement: bool
) -> None:
    march = february().assign(month="2021-03")
    finding = compared(trained_on(*trained, model=model), trained_on("2021-01", model=champion), march).no_improvement
    assert (finding is None) is improvement
    if finding:
        assert ("both were trained on the same months" in finding) is (trained == SAME)
        assert ("it was trained on no newer months" in finding) is (trained == OLDER)


@pytest.mark.parametrize(("after", "improvement"), [(-0.001, True), (0.0, False), (0.004, False)])
def test_an_improvement_for_sure_in_one_of_two_answers_is_enough(after: float, improvement: bool) -> None:
    differences = {"": Difference(-0.02, -0.01, after), "_without_distance": Difference(-0.001, 0.001, 0.003)}
    finding = _find_no_improvement(package(), replace(package("mean"), version=1), differences)
    assert (finding is None) is improvement
    if finding:
        assert finding == (
            "xgboost is 1.00 % better with metered distance and 0.10 % worse at request time than version 1, within "
            "the noise, and both were trained on the same months"
        )


def test_a_difference_beyond_the_noise_is_not_called_noise() -> None:
    finding = _find_no_improvement(package(), package(), {"": Difference(0.001, 0.002, 0.003)})
    assert finding is not None
    assert "0.20 % worse with metered distance than the champion, no improvement, and both" in finding
