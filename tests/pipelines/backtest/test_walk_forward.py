"""Walking forward: no month is evaluated with a model that has seen it or a later one."""

from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.backtest import walk_forward as module
from ride_duration.pipelines.backtest.walk_forward import CORRECTED, MEASURES, walk_forward
from ride_duration.pipelines.data_science.parameters import Training
from ride_duration.pipelines.live_level import LevelLimits
from ride_duration.trips.months import parse_months
from tests.support.backtest import backtest
from tests.support.level import CONFIGURED
from tests.support.models import simulated_features, training

TRIPS = 3
YEAR = parse_months("2021-01..2021-12")


class Witness:
    """An estimator that remembers the months it trained on, and answers with their number."""

    made: list["Witness"] = []  # noqa: RUF012

    def __init__(self) -> None:
        self.learnt_from: set[int] = set()
        self.judged: list[int] = []

    def get_params(self) -> dict[str, Any]:
        return {}

    def set_params(self, **_: Any) -> None:
        """Take nothing."""

    def fit(self, X: Any, y: Any) -> None:
        assert list(X[:, 1]) == sorted(X[:, 1]), "rows are not in the order of their ride ids"
        self.learnt_from = set(X[:, 0].astype(int))
        self.made.append(self)

    def predict(self, X: Any) -> Any:
        [month] = set(X[:, 0].astype(int))
        self.judged.append(month)
        return np.full(len(X), float(len(self.learnt_from)))


def witnessing() -> Training:
    """Training whose model reads the number of the month, and the place of a trip among all."""
    entry = {"estimator": f"{__name__}.Witness", "features": "clock", "distance": "unused"}
    return Training(
        model="witness",
        seed=1,
        baselines=(),
        feature_sets={"clock": {"numeric": ["hour", "weekday"]}},
        models={"witness": entry},
    )


def features(*months: str, **changed: Any) -> ibis.Table:
    """Some trips of each month, in no order: `hour` is the number of the month, `weekday` a trip's place among all."""
    trips = [(YEAR.index(month), month, number) for month in months for number in range(TRIPS)]
    rows = pd.DataFrame(
        {
            "source": "tlc",
            "service": "green",
            "month": [month for _, month, _ in trips],
            "ride_id": [f"green-{month}-{number:09d}" for _, month, number in trips],
            "hour": [float(position) for position, _, _ in trips],
            "weekday": [float(position * TRIPS + number) for position, _, number in trips],
            "duration": 10.0,
        }
        | changed
    )
    return ibis.memtable(rows.sample(frac=1, random_state=2))


@settings(max_examples=25, derandomize=True, deadline=None)
@given(
    st.lists(st.sampled_from(YEAR), min_size=2, max_size=6, unique=True),
    st.lists(st.sampled_from(["never", "last_1", "last_2", "last_3", "last_9"]), min_size=1, max_size=4, unique=True),
)
def test_no_model_judges_a_month_that_is_not_later_than_all_that_it_learnt_from(
    months: list[str], policies: list[str]
) -> None:
    Witness.made = []
    asked = backtest("+".join(months), "+".join(policies))
    table = walk_forward(features(*YEAR), asked, witnessing())
    months.sort()
    for witness in Witness.made:
        assert max(witness.learnt_from) < min(witness.judged)
        assert {*witness.learnt_from, *witness.judged} <= {YEAR.index(month) for month in months}
    fits = [frozenset(witness.learnt_from) for witness in Witness.made]
    assert len(fits) == len(set(fits)), "the same months were trained on twice"
    assert list(zip(table["month"], table["policy"], strict=True)) == [
        (month, policy) for month in months[1:] for policy in policies
    ]
    for row in table.itertuples():
        before = months[: months.index(row.month)]
        last = {"never": None, "last_1": 1, "last_2": 2, "last_3": 3, "last_9": 9}[row.policy]
        learnt_from = before[:1] if last is None else before[-last:]
        assert row.learnt_from == "+".join(learnt_from)
        assert row.bias == len(learnt_from) - 10, "another model was judged than the one that is named"
        assert row.n == TRIPS


def test_the_measures_are_those_of_a_training_run() -> None:
    months = {month: simulated_features(400, month) for month in ("2021-01", "2021-02")}
    table = ibis.memtable(pd.concat(months.values()))
    [row] = walk_forward(table, backtest("2021-01..2021-02", "never"), training("lightgbm")).to_dict("records")
    model, judged = module.fit_model(months["2021-01"], training("lightgbm")), months["2021-02"]
    errors = model.predict(judged) - judged["duration"]
    before = model.predict_without_distance(judged) - judged["duration"]
    assert row["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)), abs=1e-6)
    assert row["mae"] == pytest.approx(np.abs(errors).mean(), abs=1e-6)
    assert row["bias"] == pytest.approx(errors.mean(), abs=1e-6)
    assert row["rmse_without_distance"] == pytest.approx(np.sqrt(np.mean(before**2)), abs=1e-6)
    assert row["rmse_without_distance"] > row["rmse"]


def test_a_model_that_needs_the_distance_has_no_measures_without() -> None:
    table = ibis.memtable(pd.concat([simulated_features(200, month) for month in ("2021-01", "2021-02")]))
    judged = walk_forward(table, backtest("2021-01..2021-02", "never+last_1"), training("ridge"))
    known, unknown = MEASURES[:3], MEASURES[3:]
    assert judged[[*known]].notna().all(axis=None)
    assert judged[[*unknown]].isna().all(axis=None)


def test_a_month_that_the_features_lack_is_named_before_anything_is_learnt() -> None:
    Witness.made = []
    with pytest.raises(RideDurationError, match=r"no green trips of 2021-03 from the source 'tlc'; run all of"):
        walk_forward(features("2021-01", "2021-02"), backtest("2021-01..2021-03", "never"), witnessing())
    assert not Witness.made


def test_simulated_trips_are_not_taken_for_real_ones() -> None:
    with pytest.raises(RideDurationError, match="no green trips of 2021-01, 2021-02"):
        walk_forward(features(*YEAR, source="simulated"), backtest("2021-01..2021-02", "never"), witnessing())


def test_what_the_level_has_corrected_stands_beside_the_raw_measures() -> None:
    months = {month: simulated_features(3_000, month) for month in ("2021-01", "2021-02", "2021-03")}
    for month in ("2021-02", "2021-03"):
        months[month]["duration"] = (1.2 * months[month]["duration"]).clip(1, 60)
    table, asked = ibis.memtable(pd.concat(months.values())), backtest("2021-01..2021-03", "never")
    raw = walk_forward(table, asked, training("lightgbm"))
    assert not [name for name in raw.columns if name.endswith(CORRECTED)]
    level = {"score_level": "as_of", "level": LevelLimits(**CONFIGURED["level"])}
    both = walk_forward(table, asked.model_copy(update=level), training("lightgbm"))
    pd.testing.assert_frame_equal(both[raw.columns], raw)
    for name in ("rmse", "rmse_without_distance"):
        assert (both[f"{name}{CORRECTED}"] < both[name]).all()
    cold = walk_forward(table, backtest("2021-01+2021-03", "never").model_copy(update=level), training("lightgbm"))
    assert cold["rmse"].item() == both["rmse"].iloc[-1]
    biases = [months[f"bias{CORRECTED}"].iloc[-1] for months in (both, cold)]
    assert biases[1] < biases[0] < 0, "the level of February goes on in March"


def test_a_model_that_needs_the_distance_is_corrected_by_its_own_answers() -> None:
    table = ibis.memtable(pd.concat([simulated_features(800, month) for month in ("2021-01", "2021-02")]))
    level = {"score_level": "as_of", "level": LevelLimits(**CONFIGURED["level"])}
    [row] = walk_forward(
        table, backtest("2021-01..2021-02", "never").model_copy(update=level), training("ridge")
    ).to_dict("records")
    assert row[f"rmse{CORRECTED}"] > 0
    assert pd.isna(row[f"rmse_without_distance{CORRECTED}"])
