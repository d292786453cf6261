"""False alarms of the monitoring on two hundred quiet months; what it finds in trouble, twenty seeds of each kind."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from ride_duration.model_package import ModelPackage
from ride_duration.trips.simulation import Kind, Scenario
from tests.conftest import Project
from tests.pipelines.monitoring.test_simulated_windows import SIMULATION, SINCE
from tests.support.simulated_windows import Evaluated, evaluate, is_right, simulate_scored, sum_month

pytestmark = pytest.mark.soak

MONTHS = [str(month) for month in np.arange("2009-02", "2025-10", dtype="datetime64[M]")]
SEEDS = 20


@pytest.fixture(scope="module")
def package(finished: Project) -> ModelPackage:
    """Trained on simulated 2021-01."""
    return ModelPackage.load(finished.data("06_models/model_package"))


def walk(package: ModelPackage, spread: float, seed: int = 11) -> Iterator[tuple[Evaluated, Evaluated]]:
    """Evaluate each of two hundred months in a row, without and with effects of the months."""
    rng = np.random.default_rng(seed)
    shift = dict(zip(MONTHS, np.exp(spread * rng.standard_normal(len(MONTHS))), strict=True))
    before = sum_month(MONTHS[0], simulate_scored(MONTHS[0], package, SIMULATION, seed))
    before_shifted = before
    for month in MONTHS[1:]:
        rides = simulate_scored(month, package, SIMULATION, seed)
        quiet, before = evaluate(before, month, rides, package)
        shifted, before_shifted = evaluate(before_shifted, month, _shift(rides, shift[month]), package, quiet.drift)
        yield quiet, shifted


def _shift(rides: pd.DataFrame, factor: float) -> pd.DataFrame:
    return rides.assign(actual_duration=rides["actual_duration"] * factor)


def test_quiet_months_raise_few_alarms_and_month_effects_cost_what_is_said(package: ModelPackage) -> None:
    quiet, shifted = Counter[str](), Counter[str]()
    for without, with_effects in walk(package, 0.02):
        quiet[without.verdict["verdict"]] += 1
        shifted[with_effects.verdict["verdict"]] += 1
    assert quiet.total() >= 199
    assert (quiet["retrain"] + quiet["incident"]) / quiet.total() <= 0.01, quiet
    assert quiet["watch"] / quiet.total() <= 0.05, quiet
    assert shifted["retrain"] / shifted.total() <= 0.025, shifted
    assert shifted["watch"] / shifted.total() <= 0.25, shifted


@pytest.mark.parametrize("kind", list(Kind))
def test_trouble_has_its_verdict_and_cause_within_35_days(package: ModelPackage, kind: Kind) -> None:
    first = np.datetime64("2021-04-01")
    scenario = Scenario.begin_at(first, kind, SINCE.get(kind, 0), None, SIMULATION.scenarios[kind].strength)
    right, found = 0, Counter[tuple[str, str]]()
    for seed in range(100, 100 + SEEDS):
        march = sum_month("2021-03", simulate_scored("2021-03", package, SIMULATION, seed))
        evaluated, _ = evaluate(
            march, "2021-04", simulate_scored("2021-04", package, SIMULATION, seed, scenario), package
        )
        right += is_right(kind, evaluated)
        found[evaluated.found] += 1
    assert right >= 18, found
