"""Months of the simulated city, with and without trouble, evaluated as real ones are; many seeds in `make soak`."""

import numpy as np
import pandas as pd
import pytest
import yaml

from ride_duration.model_package import ModelPackage
from ride_duration.pipelines.ingestion.parameters import Simulation
from ride_duration.trips.simulation import Kind, Scenario
from tests.conftest import REPOSITORY, Project
from tests.support.simulated_windows import evaluate, is_right, simulate_scored, sum_month

SIMULATION = Simulation(**yaml.safe_load((REPOSITORY / "conf/base/parameters_ingestion.yml").read_text())["simulation"])
#: The silence begins late in the month, since a month without a record is no month.
SINCE = {Kind.SILENT_SOURCE: 20}


@pytest.fixture(scope="module")
def package(finished: Project) -> ModelPackage:
    """Trained on simulated 2021-01."""
    return ModelPackage.load(finished.data("06_models/model_package"))


@pytest.fixture(scope="module")
def march(package: ModelPackage) -> pd.DataFrame:
    """Daily sums of a quiet month, which say what is usual."""
    return sum_month("2021-03", simulate_scored("2021-03", package, SIMULATION, seed=5))


def test_a_quiet_month_is_ok(package: ModelPackage, march: pd.DataFrame) -> None:
    april = simulate_scored("2021-04", package, SIMULATION, seed=5)
    quiet, _ = evaluate(march, "2021-04", april, package)
    assert quiet.found == ("ok", "none")
    assert quiet.verdict["incidents"] == []


@pytest.mark.parametrize("kind", [Kind.SPEED_LIMIT, Kind.DEMAND_SHIFT, Kind.BROKEN_METER, Kind.DOUBLED_RECORDS])
def test_trouble_has_its_verdict_and_cause_within_the_month(
    package: ModelPackage, march: pd.DataFrame, kind: Kind
) -> None:
    first = np.datetime64("2021-04-01")
    scenario = Scenario.begin_at(first, kind, SINCE.get(kind, 0), None, SIMULATION.scenarios[kind].strength)
    april = simulate_scored("2021-04", package, SIMULATION, 5, scenario)
    troubled, _ = evaluate(march, "2021-04", april, package)
    assert is_right(kind, troubled), (troubled.found, troubled.verdict["reasons"], troubled.verdict["broken"])
    if kind == Kind.BROKEN_METER:
        assert "rides from Brooklyn took 1." in troubled.verdict["broken"][0]
