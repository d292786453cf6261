"""One ride answered, and a page of text that says what a run found."""

from typing import Any

import pandas as pd

from ride_duration.pipelines.data_science.models import DurationModel
from ride_duration.pipelines.parameters import ExampleRide, Experiment
from ride_duration.trips.rides import features_of_ride
from ride_duration.trips.zones import zones


def answer_ride(model: DurationModel, example_ride: ExampleRide, experiment: Experiment) -> dict[str, Any]:
    """Answer one ride as a customer would ask for it: before it begins, if the model can.

    Returns:
        The question in words, `minutes`, `distance_used` (miles, or None before the ride) and `simulated`.
    """
    rows = _ride_rows(example_ride)
    before = model.predict_without_distance(rows)
    pickup, dropoff = zones()[example_ride.pickup_zone], zones()[example_ride.dropoff_zone]
    return {
        "pickup": pickup.name,
        "dropoff": dropoff.name.split("/")[0],
        "when": f"{example_ride.pickup_datetime:%A %H:%M}",
        "minutes": round(float((model.predict(rows) if before is None else before)[0]), 1),
        "distance_used": example_ride.trip_distance if before is None else None,
        "model": model.name,
        "simulated": experiment.simulated,
    }


def _ride_rows(ride: ExampleRide) -> pd.DataFrame:
    features = features_of_ride(ride.pickup_zone, ride.dropoff_zone, ride.pickup_datetime, ride.trip_distance)
    pickup, dropoff = zones()[ride.pickup_zone], zones()[ride.dropoff_zone]
    pair = {
        "zone_pair": f"{ride.pickup_zone}_{ride.dropoff_zone}",
        "borough_pair": f"{pickup.borough} - {dropoff.borough}",
        "trip_distance_raw": ride.trip_distance,
    }
    return pd.DataFrame([features | pair])


def write_summary(
    quality_summary: str, metrics: dict[str, Any], example_answer: dict[str, Any], experiment: Experiment
) -> str:
    """What the run read, how well the model does beside the baselines, and one ride, as plain text."""
    head = f"Learnt from {experiment.train_data}, judged on {experiment.val_data}"
    return "\n".join([quality_summary, head, "", *_model_lines(metrics), "", _ride(example_answer), ""])


def _model_lines(metrics: dict[str, Any]) -> list[str]:
    simulated = " (simulated)" if metrics["simulated"] else ""
    models = metrics["baselines"] | {metrics["model"]: metrics["val"]}
    lines = [
        f"RMSE in minutes on {metrics['val_data']}{simulated}, {metrics['val']['n']:,} trips",
        f"{'model':<22}{'after the ride':>16}{'before the ride':>17}",
        f"{'':<22}{'(distance known)':>16}{'(not yet)':>17}",
        *(_model_line(name, measures) for name, measures in models.items()),
    ]
    if metrics.get("test"):
        after, before = metrics["test"]["rmse"], metrics["test"]["rmse_without_distance"]
        before_in_words = "" if before is None else f", {before:.2f} before it"
        trips = f"{metrics['test']['n']:,} trips{simulated}"
        lines.append(f"On test months {metrics['test_data']}, {trips}: {after:.2f} after the ride{before_in_words}")
    return lines


def _model_line(name: str, measures: dict[str, Any]) -> str:
    before = measures["rmse_without_distance"]
    return f"{name:<22}{measures['rmse']:>16.2f}{'cannot say' if before is None else f'{before:.2f}':>17}"


def _ride(answer: dict[str, Any]) -> str:
    known = "" if answer["distance_used"] is None else f", {answer['distance_used']:g} miles"
    simulated = " (simulated)" if answer["simulated"] else ""
    return (
        f"{answer['pickup']} to {answer['dropoff']}, {answer['when']}{known}: "
        f"about {answer['minutes']:.0f} min{simulated}"
    )
