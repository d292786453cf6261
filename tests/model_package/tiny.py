"""A package as small as can be, made without training anything."""

import json
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from ride_duration.model_package.files import pack
from ride_duration.trips.zones import zone_table

_RIDE = {"PULocationID": 132, "DOLocationID": 230, "pickup_datetime": "2021-03-01T17:30:00", "trip_distance": 17.5}


def tiny_package(minutes_a_mile: float = 3.0, run_id: str | None = None) -> dict[str, bytes]:
    """The files of a package whose answer is the straight distance times a factor, and the run that made it."""
    margins = {
        known: {tail: [0.0] * 3 for tail in ("lower", "upper")} for known in ("with_distance", "without_distance")
    }
    outputs = ("duration", "lower", "upper")
    reads = {"numeric": ["straight_distance"], "text": [], "units": {"straight_distance": "miles"}}
    values: dict[str, Any] = {
        "inputs.json": {"outputs": dict.fromkeys(outputs, reads), "usual": {"straight_distance": 2.0}},
        "intervals.json": {"coverage": 0.9, "edges": [5.0], "margins": margins},
        "golden_rides.json": {"rides": [_RIDE, _RIDE], "answers": {}},
    }
    files = {name: json.dumps(value).encode() for name, value in values.items()}
    files |= {name: _graph(minutes_a_mile) for name in ("model.onnx", "lower.onnx", "upper.onnx")}
    facts = {
        "package_format": 1,
        "model": "tiny",
        "run_id": run_id,
        "simulated": True,
        "train_data": ["2021-01", "2021-02"],
        "val_data": ["2021-03"],
        "rmse": 5.0,
        "rmse_without_distance": None,
    }
    return pack({**files, "zones.csv": zone_table().encode()}, facts)


def _graph(factor: float) -> bytes:
    numbers, minutes = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in ("numbers", "minutes")
    )
    constant = numpy_helper.from_array(np.array([factor], dtype=np.float32), "factor")
    node = helper.make_node("Mul", ["numbers", "factor"], ["minutes"])
    graph = helper.make_graph([node], "tiny", [numbers], [minutes], [constant])
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()
    )
