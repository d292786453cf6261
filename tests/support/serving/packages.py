"""Packages whose answers a test can work out by hand."""

import json
import math
from datetime import datetime
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from ride_duration.model_package.files import pack
from ride_duration.trips.rides import features_of_ride
from ride_duration.trips.zones import zone_table

#: What each graph reads, and what stands for a value that is missing.
USUAL = {"trip_distance": 2.5, "straight_distance": 2.0, "hour": 12.0, "weekday": 3.0}
A_STRAIGHT_MILE, AN_HOUR, A_DAY = 1.0, 0.5, 0.25
LOWER, UPPER = 0.5, 1.5
#: What all of these are multiplied by, so that 100 miles are still answered with less than 60 minutes.
SCALE = 0.15
_GOLDEN = {"PULocationID": 132, "DOLocationID": 230, "pickup_datetime": "2021-03-01T17:30:00", "trip_distance": 17.5}


def minutes(pickup: int, dropoff: int, when: datetime, miles: float | None = None, a_mile: float = 3.0) -> float:
    """What a package answers, worked out by hand: at least one minute, and at most 60."""
    features = features_of_ride(pickup, dropoff, when, miles)
    known = [usual if math.isnan(features[name]) else features[name] for name, usual in USUAL.items()]
    weights = (a_mile, A_STRAIGHT_MILE, AN_HOUR, A_DAY)
    return min(max(SCALE * sum(value * weight for value, weight in zip(known, weights, strict=True)), 1.0), 60.0)


def priced(minutes_a_mile: float = 3.0, *, off: float = 0.0, distance: str = "optional") -> dict[str, bytes]:
    """The files of a package whose answer is a weighted sum of distances, hour and weekday.

    Args:
        minutes_a_mile: Of the distance driven, before all is scaled.
        off: By how much the golden rides' answers are wrong (minutes).
        distance: `required` if it requires, and has no answer where the distance is missing or out of range.
    """
    weights = [minutes_a_mile, A_STRAIGHT_MILE, AN_HOUR, A_DAY]
    margins = {
        known: {tail: [0.0] * 3 for tail in ("lower", "upper")} for known in ("with_distance", "without_distance")
    }
    reads = {"numeric": list(USUAL), "text": [], "units": dict.fromkeys(USUAL, "")}
    golden = minutes(132, 230, datetime(2021, 3, 1, 17, 30), 17.5, minutes_a_mile) + off
    values: dict[str, Any] = {
        "inputs.json": {"outputs": dict.fromkeys(("duration", "lower", "upper"), reads), "usual": USUAL},
        "intervals.json": {"coverage": 0.9, "edges": [5.0], "margins": margins},
        "golden_rides.json": {"rides": [_GOLDEN, _GOLDEN], "answers": {"duration": [golden, golden]}},
    }
    files = {name: json.dumps(value).encode() for name, value in values.items()}
    scales = {"model.onnx": SCALE, "lower.onnx": SCALE * LOWER, "upper.onnx": SCALE * UPPER}
    usual = list((USUAL | ({"trip_distance": math.nan} if distance == "required" else {})).values())
    files |= {name: _graph(np.array(weights) * scale, usual) for name, scale in scales.items()}
    facts = {
        "model": "priced",
        "service": "green",
        "source": "simulated",
        "simulated": True,
        "distance": distance,
        "train_data": ["2021-01", "2021-02"],
        "val_data": ["2021-03"],
        "rmse": 5.0,
        "rmse_without_distance": 5.5,
    }
    return pack({**files, "zones.csv": zone_table().encode()}, facts)


def _graph(weights: Any, usual: list[float]) -> bytes:
    numbers = helper.make_tensor_value_info("numbers", TensorProto.FLOAT, [None, len(USUAL)])
    answer = helper.make_tensor_value_info("minutes", TensorProto.FLOAT, [None, 1])
    constants = {"usual": np.array([usual]), "weights": np.reshape(weights, (-1, 1))}
    kept = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()]
    nodes = [
        helper.make_node("IsNaN", ["numbers"], ["missing"]),
        helper.make_node("Where", ["missing", "usual", "numbers"], ["known"]),
        helper.make_node("MatMul", ["known", "weights"], ["minutes"]),
    ]
    graph = helper.make_graph(nodes, "priced", [numbers], [answer], kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())
