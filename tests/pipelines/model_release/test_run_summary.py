"""What a run ends with: a page of the gate, one ride answered, and a summary."""

import re
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ride_duration.pipelines.model_release.gate_checks import Check
from ride_duration.pipelines.model_release.parameters import ExampleRide, ReleaseChoice
from ride_duration.pipelines.model_release.run_summary import (
    answer_ride,
    release_package,
    write_summary,
)
from tests.conftest import REPOSITORY
from tests.support.gate import judged
from tests.support.models import CONFIGURED, MODELS
from tests.support.packages import package, repacked

RELEASED = {"version": 3, "champion": 3, "outcome": "Version 3 is champion now."}


def ride(**changed: Any) -> ExampleRide:
    """JFK Airport to Times Square, on a Monday at half past five."""
    asked = {"pickup_zone": 132, "dropoff_zone": 230, "pickup_datetime": "2021-03-01T17:30", "trip_distance": 17.5}
    return ExampleRide(**asked | changed)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_answers_the_ride_before_it_begins_if_it_can(model: str) -> None:
    answer = answer_ride(package(model), ride())
    assert (
        answer.items()
        >= {
            "pickup": "JFK Airport",
            "dropoff": "Times Sq",
            "when": "Monday 17:30",
            "model": model,
            "simulated": True,
            "coverage": 0.9,
        }.items()
    )
    assert answer["distance_used"] == (17.5 if CONFIGURED["models"][model]["distance"] == "required" else None)
    assert 1 <= answer["minutes"] <= 100
    assert 0 <= answer["lower"] <= answer["minutes"] <= answer["upper"]


def test_before_the_ride_its_distance_does_not_change_the_answer() -> None:
    answers = [answer_ride(package(), ride(trip_distance=miles)) for miles in (1, 50)]
    assert answers[0] == answers[1]


def test_a_model_that_needs_the_distance_uses_it() -> None:
    short, long = (answer_ride(package("ridge"), ride(trip_distance=miles)) for miles in (0.1, 100))
    assert (short["distance_used"], long["distance_used"]) == (0.1, 100)
    assert short["upper"] != long["upper"]


def test_unknown_zones_are_answered_too() -> None:
    assert answer_ride(package(), ride(pickup_zone=265, dropoff_zone=264))["minutes"] > 0


def test_a_release_says_what_is_to_be_done() -> None:
    release = release_package({"passed": True}, "<html>", ReleaseChoice(approval="manual"))
    assert release == ({"passed": True}, "<html>", "manual")
    with pytest.raises(ValidationError, match="'auto' or 'manual'"):
        ReleaseChoice(approval="later")


def summary(model: str = "xgboost", **changed: Any) -> str:
    """The page of a run that ended with a release."""
    of = repacked(package(model), changed)
    return write_summary("how good it is\n", judged(of), RELEASED, answer_ride(of, ride()))


def test_the_summary_says_what_the_gate_found_and_what_became_of_the_package() -> None:
    lines = summary().splitlines()
    assert lines[:4] == ["how good it is", "", "Gate: passed all 13 checks", "Version 3 is champion now."]
    assert re.fullmatch(
        r"JFK Airport to Times Sq, Monday 17:30: about \d+ min, nine times in ten \d+ to \d+ \(simulated\)", lines[-2]
    )
    assert re.fullmatch(
        r"Contribution relative to a typical ride \(min\): time [+-]\d+, distance [+-]\d+, place [+-]\d+", lines[-1]
    )


def test_the_summary_names_each_check_that_failed_with_its_reason() -> None:
    page = summary("mean")
    assert "\nGate: failed: better than mean, better than zone_pair_median" in page
    assert re.search(r"\n  better than mean: [\d.]+ against [\d.]+ with metered distance", page)


def test_a_model_that_is_not_released_for_want_of_the_distance_says_why_and_what_to_do() -> None:
    page = summary("ridge")
    assert (
        "\n  answers at request time: this model needs the metered distance; `gate.request_time: false` allows it"
        in page
    )
    assert "or add gate.request_time=false to --params." in page
    assert "gate.request_time" not in summary()


def test_where_the_champion_answers_at_request_time_no_parameter_is_advised() -> None:
    page = write_summary("", judged(package("ridge"), package()), RELEASED, answer_ride(package("ridge"), ride()))
    assert "this model needs the metered distance; the champion answers without it" in page
    assert "Train one that answers without it, as the default model does." in page
    assert "gate.request_time" not in page


def test_long_findings_are_told_in_brief_and_the_page_has_all() -> None:
    report = judged(package())
    worse = Check("no slice worse", "none", False, "; ".join(f"hour {n} +9%" for n in range(30)), "hour 0; and 29 more")
    page = write_summary("", {**report, "checks": [worse._asdict()]}, RELEASED, answer_ride(package(), ride()))
    assert "\n  no slice worse: hour 0; and 29 more\n" in page
    assert "The page data/08_reporting/gate_report.html shows all" in page
    assert "gate_report.html" not in summary()
    catalog = yaml.safe_load((REPOSITORY / "conf/base/catalog_model_release.yml").read_text())
    assert catalog["gate_page"]["filepath"] == "data/08_reporting/gate_report.html"


def test_a_distance_that_was_used_is_said() -> None:
    assert "Monday 17:30, 17.5 miles: about" in summary("ridge")


def test_real_trips_are_not_said_to_be_simulated() -> None:
    assert "simulated" not in summary(simulated=False)


def test_another_coverage_is_said_as_it_is() -> None:
    answer = answer_ride(package(), ride()) | {"coverage": 0.8}
    assert "min, 80% of such rides " in write_summary("", judged(package()), RELEASED, answer)
