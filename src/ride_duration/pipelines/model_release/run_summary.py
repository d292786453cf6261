"""What a run ends with: the release, one ride answered by the package, and a summary."""

from __future__ import annotations

from typing import Any

import numpy as np

from ride_duration.datasets.release import Release
from ride_duration.model_package import ModelPackage, Rides
from ride_duration.pipelines.model_release.gate_checks import REQUEST_TIME_CHECK
from ride_duration.pipelines.model_release.parameters import ExampleRide, ReleaseChoice

#: Where the page of the gate is, as the catalog says.
_PAGE = "data/08_reporting/gate_report.html"

#: The share that a person says in words.
_NINE_IN_TEN = 0.9


def release_package(gate_report: dict[str, Any], gate_page: str, release: ReleaseChoice) -> Release:
    """Say what is to be done with the package: the dataset that keeps this does it."""
    return Release(gate_report, gate_page, release.approval)


def answer_ride(model_package: ModelPackage, example_ride: ExampleRide) -> dict[str, Any]:
    """Answer one ride as a customer would ask for it: before it begins, if the model can.

    Returns:
        The question in words, `minutes`, `lower`, `upper`, the `coverage` of that interval, `reasons` (minutes that
        each adds to a usual ride), `distance_used` (miles, or None at request time), and whether this is `simulated`.
    """
    needed = model_package.manifest["distance"] == "required"
    ride = Rides(
        np.array([example_ride.pickup_zone], dtype=np.float64),
        np.array([example_ride.dropoff_zone], dtype=np.float64),
        np.array([example_ride.pickup_datetime], dtype="datetime64[s]"),
        np.array([example_ride.trip_distance if needed else np.nan]),
    )
    answers, reasons = (
        {name: round(float(minutes[0]), 1) for name, minutes in found.items()}
        for found in (model_package.answer(ride)._asdict(), model_package.explain(ride))
    )
    zones = model_package.zones
    return {
        "pickup": zones[example_ride.pickup_zone].name,
        "dropoff": zones[example_ride.dropoff_zone].name.split("/")[0],
        "when": f"{example_ride.pickup_datetime:%A %H:%M}",
        "minutes": answers["duration"],
        "lower": answers["lower"],
        "upper": answers["upper"],
        "reasons": reasons,
        "coverage": model_package.calibration.coverage,
        "distance_used": example_ride.trip_distance if needed else None,
        "model": model_package.manifest["model"],
        "simulated": model_package.manifest["simulated"],
    }


def write_summary(
    metrics_summary: str, gate_report: dict[str, Any], released: dict[str, Any], example_answer: dict[str, Any]
) -> str:
    """What the run read, how well the model does, what the gate said, and one ride, as plain text."""
    failed = [check for check in gate_report["checks"] if not check["passed"]]
    lines = [f"  {check['name']}: {check.get('brief') or check['evidence']}" for check in failed]
    gate = [f"Gate: {gate_report['verdict']}", *lines]
    if failed:
        gate.append(f"  The page {_PAGE} shows all that the gate found.")
    gate.append(released["outcome"])
    if needs := next((check["evidence"] for check in failed if check["name"] == REQUEST_TIME_CHECK), ""):
        allowed = ", or add gate.request_time=false to --params" if "gate.request_time" in needs else ""
        gate.append(f"Train one that answers without it, as the default model does{allowed}.")
    return "\n".join([metrics_summary, *gate, "", _ride(example_answer), ""])


def _ride(answer: dict[str, Any]) -> str:
    known = "" if answer["distance_used"] is None else f", {answer['distance_used']:g} miles"
    simulated = " (simulated)" if answer["simulated"] else ""
    often = "nine times in ten" if answer["coverage"] == _NINE_IN_TEN else f"{answer['coverage']:.0%} of such rides"
    reasons = ", ".join(f"{name} {round(minutes):+d}" for name, minutes in answer["reasons"].items())
    return (
        f"{answer['pickup']} to {answer['dropoff']}, {answer['when']}{known}: about {answer['minutes']:.0f} min, "
        f"{often} {answer['lower']:.0f} to {answer['upper']:.0f}{simulated}\n"
        f"Contribution relative to a typical ride (min): {reasons}"
    )
