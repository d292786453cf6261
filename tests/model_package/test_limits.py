"""No answer and no bound leaves the range of the rides that models are trained on, whichever way it is asked for."""

import math
from datetime import datetime
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import numpy_helper

from ride_duration.model_package import Answers, ModelPackage, SingleRides, golden_error
from ride_duration.model_package.files import write_folder
from ride_duration.model_package.golden import golden_rides
from ride_duration.model_package.package import OUTPUTS
from ride_duration.model_package.pyfunc import _load_pyfunc
from ride_duration.model_package.single import _limit
from ride_duration.serving.inference.deployment import Model
from tests.model_package.odd_rides import check_answers, draw_odd_rides
from tests.model_package.test_package import rides
from tests.support.models import MODELS
from tests.support.packages import package, repacked

NAN = math.nan
SOME_DAY = datetime(2021, 2, 3, 17)


@cache
def linear() -> ModelPackage:
    """A package that answers 3 minutes a mile less 30, beside what it adds for the pair of zones."""
    made = package("ridge")
    graph = onnx.load_from_string(made.contents["model.onnx"])
    for constant in graph.graph.initializer:
        if constant.name in ("intercept", "weights"):
            values = numpy_helper.to_array(constant)
            changed = np.full_like(values, -30.0 if constant.name == "intercept" else 3.0)
            constant.CopyFrom(numpy_helper.from_array(changed, constant.name))
    return repacked(made, **dict.fromkeys(OUTPUTS.values(), graph.SerializeToString()))


@pytest.mark.parametrize("model", MODELS)
def test_answers_and_bounds_of_odd_rides_are_within_the_range_of_training(model: str) -> None:
    check_answers(package(model).answer(draw_odd_rides(3_000, seed=1)))


@pytest.mark.parametrize("miles", [0.0, 1e-9, 5.0, 90_000.0, 1e300, math.inf, -math.inf, NAN])
def test_each_way_of_asking_gives_the_same_answer_within_the_range(miles: float, tmp_path: Path) -> None:
    ride = rides((74, 75, SOME_DAY, miles))
    answers = linear().answer(ride)
    check_answers(answers)
    alone = SingleRides(linear()).answer(74, 75, SOME_DAY, None if math.isnan(miles) else miles)
    assert alone == pytest.approx([minutes[0] for minutes in answers])
    assert linear().answer(ride, intervals=False).duration == answers.duration
    write_folder(tmp_path / "package", linear().contents)
    asked = {"PULocationID": [74], "DOLocationID": [75], "pickup_datetime": [SOME_DAY], "trip_distance": [miles]}
    assert np.array_equal(_load_pyfunc(str(tmp_path / "package")).predict(pd.DataFrame(asked)).to_numpy().T, answers)


def test_the_estimate_itself_is_not_limited() -> None:
    asked = rides((74, 75, SOME_DAY, 0.0), (74, 75, SOME_DAY, 90_000.0))
    low, high = linear().estimate_columns(linear().columns(asked)).duration
    assert low < 0
    assert high > 200_000
    assert linear().answer(asked).duration.tolist() == [1, 60]


def test_a_reason_is_the_difference_between_two_answers_that_are_given() -> None:
    usual = linear().read_json("inputs.json")["usual"]["trip_distance_raw"]
    far, typical = rides((74, 75, SOME_DAY, 90_000.0)), rides((74, 75, SOME_DAY, usual))
    given = linear().answer(far).duration - linear().answer(typical).duration
    assert linear().explain(far)["distance"] == pytest.approx(given)
    assert 0 < given[0] <= 59


def test_what_is_not_a_number_stays_so() -> None:
    assert np.isnan(Answers(np.array([NAN])).limit().duration).all()
    assert math.isnan(_limit(NAN))
    assert [_limit(minutes) for minutes in (-4.08, 1.0, 30.0, 60.0, math.inf)] == [1.0, 1.0, 30.0, 60.0, 60.0]


def written_earlier(made: ModelPackage) -> ModelPackage:
    """A package as earlier programs wrote it: golden answers are estimates, bounds those of quantiles of any kind."""
    kept = made.read_json("golden_rides.json")
    asked = [kept["rides"][0] | {"trip_distance": miles} for miles in (0.0, 15.0, 90_000.0)]
    quantiles = {output: package().contents[OUTPUTS[output]] for output in ("lower", "upper")}
    reads = {output: package().read_json("inputs.json")["outputs"][output] for output in quantiles}
    inputs = made.read_json("inputs.json")
    earlier = repacked(
        made,
        **{OUTPUTS[output]: graph for output, graph in quantiles.items()},
        inputs__json=inputs | {"outputs": inputs["outputs"] | reads},
        intervals__json=package().read_json("intervals.json"),
        golden_rides__json={"rides": asked, "answers": {}},
    )
    estimates = earlier.estimate_columns(earlier.columns(golden_rides(earlier)))
    answers = {name: list(minutes) for name, minutes in estimates._asdict().items()}
    return repacked(earlier, golden_rides__json={"rides": asked, "answers": answers})


@pytest.mark.parametrize("model", [*MODELS, "linear"])
def test_a_package_written_earlier_is_loaded_served_and_answers_within_the_range(model: str, tmp_path: Path) -> None:
    earlier = written_earlier(linear() if model == "linear" else package(model))
    write_folder(tmp_path / "package", earlier.contents)
    loaded = ModelPackage.load(tmp_path / "package", version=1)
    assert golden_error(loaded) <= 1e-6
    served = Model(loaded, "earlier", 0.0)
    for miles in (0.0, 90_000.0):
        check_answers(Answers(*(np.array([minutes]) for minutes in served.answer(74, 75, SOME_DAY, miles))))


def test_golden_rides_are_compared_within_the_range_alone() -> None:
    earlier = written_earlier(linear())
    kept = earlier.read_json("golden_rides.json")
    low, middle, high = kept["answers"]["duration"]
    assert low < 0
    assert high > 200_000
    for changed, off in (
        ([low - 9, middle, high + 9], 0.0),
        ([low, middle + 1, high], 1.0),
        ([5.0, middle, high], 4.0),
    ):
        told = repacked(earlier, golden_rides__json=kept | {"answers": {"duration": changed}})
        assert golden_error(told) == pytest.approx(off, abs=1e-4)
