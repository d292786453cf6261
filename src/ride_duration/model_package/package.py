"""A released model, loaded: from raw rides to minutes, intervals and reasons."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ride_duration.errors import RideDurationError
from ride_duration.model_package.files import MANIFEST, MANIFEST_HASH, read_folder
from ride_duration.model_package.intervals import Calibration
from ride_duration.trips.records import DURATION
from ride_duration.trips.rides import Places, features_of_rides, places_of_zones
from ride_duration.trips.zones import Zone, read_zones

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

#: The graphs of a package, one an output.
OUTPUTS = {"duration": "model.onnx", "lower": "lower.onnx", "upper": "upper.onnx"}

#: What the reasons of an answer are about, and the columns that are replaced to occlude each.
REASONS = {
    "time": ("hour", "weekday", "hour_of_week"),
    "distance": ("manhattan_distance", "straight_distance", "trip_distance", "detour", "trip_distance_raw"),
    "place": ("pickup_x", "pickup_y", "dropoff_x", "dropoff_y", "zone_pair", "borough_pair"),
}

#: From this many rides on they are sorted for the trees: rides that are alike take the same branches, and rows that
#: come one after another find them in the cache. Half as fast again, measured on 480 trees of 128 leaves.
_MANY = 2_000


class Rides(NamedTuple):
    """Rides as they are asked for; all arrays have the shape (n,).

    Attributes:
        pickup_zone: TLC location ids as float64, NaN where missing.
        dropoff_zone: TLC location ids as float64, NaN where missing.
        pickup_datetime: New York wall clock, datetime64, NaT where missing.
        trip_distance: Miles as the meter recorded them, NaN where unknown.
    """

    pickup_zone: NDArray[np.float64]
    dropoff_zone: NDArray[np.float64]
    pickup_datetime: NDArray[np.datetime64]
    trip_distance: NDArray[np.float64]

    def one(self, number: int) -> Rides:
        """The ride at that place alone."""
        return Rides._make(values[number : number + 1] for values in self)


class Answers(NamedTuple):
    """Minutes (n,), and the bounds of their interval: empty where they were not asked for."""

    duration: NDArray[np.float64]
    lower: NDArray[np.float64] = np.empty(0)
    upper: NDArray[np.float64] = np.empty(0)

    def limit(self) -> Answers:
        """Return the answers and bounds within `records.DURATION`, the range of the rides that models are trained on.

        What is not a number stays so.
        """
        return Answers._make(np.clip(minutes, *DURATION) for minutes in self)


@dataclass(frozen=True)
class ModelPackage:
    """A package whose every hash was compared.

    Attributes:
        contents: The files by name.
        threads: Of each graph.
        version: The number that a registry gave it; None where it comes from no registry.
    """

    contents: dict[str, bytes]
    threads: int = 1
    version: int | None = None

    @classmethod
    def load(cls, folder: Path | str, threads: int = 1, version: int | None = None) -> ModelPackage:
        """Open the package in a folder.

        Args:
            folder: Where it lies.
            threads: For ONNX Runtime.
            version: Its number, if it comes from a registry.

        Raises:
            RideDurationError: A file is missing or was changed.
        """
        return cls(read_folder(Path(folder)), threads, version)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What is known of the model, and the hash of each file."""
        return dict(self.read_json(MANIFEST))

    @property
    def identity(self) -> str:
        """A hash of what the package answers with: the same for the same graphs, calibration and zones."""
        from hashlib import sha256

        answering = (*OUTPUTS.values(), "inputs.json", "intervals.json", "zones.csv")
        return sha256("".join(self.manifest["files"][name] for name in answering).encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        """The hash of the manifest, and so of every byte."""
        return self.contents[MANIFEST_HASH].decode().strip()

    def read_json(self, name: str) -> Any:
        """One of the package's JSON files."""
        return json.loads(self.contents[name])

    @cached_property
    def zones(self) -> dict[int, Zone]:
        """The zone table that the model was trained with."""
        return read_zones(self.contents["zones.csv"].decode())

    @cached_property
    def calibration(self) -> Calibration:
        """How the bounds are calibrated."""
        return Calibration.of(self.read_json("intervals.json"))

    def answer(self, rides: Rides, *, intervals: bool = True) -> Answers:
        """Answer raw rides (n).

        Args:
            rides: As they were asked for. Distances that are out of range or implausible count as unknown.
            intervals: Whether to give bounds, which takes three graphs instead of one.
        """
        return self.answer_columns(self.columns(rides), intervals=intervals)

    def answer_columns(self, columns: dict[str, Any], *, intervals: bool = True) -> Answers:
        """Answer rides whose columns are there already, as arrays (n,) by name."""
        return self.estimate_columns(columns, intervals=intervals).limit()

    def estimate_columns(self, columns: dict[str, Any], *, intervals: bool = True) -> Answers:
        """Return what the graphs and the calibration say, before it is limited to the range of the training rides."""
        order = _order(columns)
        duration = self._run("duration", columns, order)
        if not intervals:
            return Answers(duration)
        lower, upper = (self._run(tail, columns, order) for tail in ("lower", "upper"))
        straight, driven = columns["straight_distance"], columns["trip_distance"]
        bounds = self.calibration.bounds(duration, lower, upper, straight, driven)
        return Answers(duration, *bounds)

    def explain(self, rides: Rides) -> dict[str, NDArray[np.float64]]:
        """What time of day, distance and place add to each answer, in minutes (n,).

        Each is the answer less the answer with that group of columns replaced by what is usual; see M. Zeiler,
        R. Fergus, "Visualizing and Understanding Convolutional Networks" (2014), section 4.2, on occlusion. They
        need not add up: what groups do together is in none of them. Both answers are limited as all answers are, so
        that a reason is the difference between two answers that are given.
        """
        columns = self.columns(rides)
        answered = self.answer_columns(columns, intervals=False).duration
        return {
            reason: answered - self.answer_columns(columns | self._usual(names, columns), intervals=False).duration
            for reason, names in REASONS.items()
        }

    def _usual(self, names: tuple[str, ...], columns: dict[str, Any]) -> dict[str, Any]:
        usual = self.inputs["usual"]
        replaced = {
            name: np.full(len(columns[name]), usual[name], dtype=columns[name].dtype)
            for name in names
            if name in columns and name in usual
        }
        for name in set(replaced) & {"trip_distance", "detour", "trip_distance_raw"}:
            replaced[name][np.isnan(columns[name])] = np.nan  # unknown stays unknown
        return replaced

    def columns(self, rides: Rides) -> dict[str, Any]:
        """The columns that the graphs read, arrays (n,) by name."""
        columns: dict[str, Any] = features_of_rides(*rides, self.places)
        columns["trip_distance_raw"] = rides.trip_distance
        if "zone_pair" in self._text_columns:
            columns["zone_pair"] = _pairs(rides.pickup_zone, rides.dropoff_zone)
        if "borough_pair" in self._text_columns:
            columns["borough_pair"] = self._borough_pairs(rides)
        return columns

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """The columns that each graph reads, and what stands for one that is occluded."""
        return dict(self.read_json("inputs.json"))

    @cached_property
    def _text_columns(self) -> set[str]:
        return {name for output in OUTPUTS for name in self.inputs["outputs"][output]["text"]}

    @cached_property
    def places(self) -> Places:
        """Where the zones of the zone table are, in local miles."""
        return places_of_zones(self.zones)

    @cached_property
    def sessions(self) -> dict[str, InferenceSession]:
        """The graphs, ready to run, by output.

        Raises:
            RideDurationError: ONNX Runtime refuses one.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            return {
                output: onnxruntime.InferenceSession(self.contents[file], options, providers=["CPUExecutionProvider"])
                for output, file in OUTPUTS.items()
            }
        except Exception as error:  # ONNX Runtime has an error class for each status
            reason = str(error).partition("\n")[0]
            raise RideDurationError(f"the model package cannot be run by ONNX Runtime ({reason})") from error

    @cached_property
    def precision(self) -> dict[str, type]:
        """What each graph takes numbers as."""
        kinds = {"tensor(float)": np.float32, "tensor(double)": np.float64}
        return {
            output: kinds[read.type]
            for output, session in self.sessions.items()
            for read in session.get_inputs()
            if read.name == "numbers"
        }

    def _run(self, output: str, columns: dict[str, Any], order: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
        reads = self.inputs["outputs"][output]
        fed: dict[str, Any] = {name: columns[name].reshape(-1, 1) for name in reads["text"]}
        if reads["numeric"]:
            stacked = np.column_stack([columns[name] for name in reads["numeric"]])
            numbers: NDArray[Any] = stacked.astype(self.precision[output])
            fed["numbers"] = numbers if order is None else numbers[order]
        if order is not None:
            fed |= {name: fed[name][order] for name in reads["text"]}
        [answered] = self.sessions[output].run(None, fed)
        flat: NDArray[np.float64] = answered.reshape(-1).astype(np.float64)
        if order is None:
            return flat
        unsorted = np.empty_like(flat)
        unsorted[order] = flat
        return unsorted

    def _borough_pairs(self, rides: Rides) -> NDArray[Any]:
        boroughs = {float(location_id): zone.borough for location_id, zone in self.zones.items()}
        ends = zip(rides.pickup_zone.tolist(), rides.dropoff_zone.tolist(), strict=True)
        pairs = [f"{boroughs.get(start, 'Unknown')} - {boroughs.get(end, 'Unknown')}" for start, end in ends]
        return np.array(pairs, dtype=object)


def _order(columns: dict[str, Any]) -> NDArray[np.intp] | None:
    if len(columns["hour_of_week"]) < _MANY:
        return None
    return np.lexsort((columns["hour_of_week"], columns["pickup_y"], np.round(columns["trip_distance"])))


def _pairs(pickup_zone: NDArray[np.float64], dropoff_zone: NDArray[np.float64]) -> NDArray[Any]:
    ends = zip(pickup_zone.tolist(), dropoff_zone.tolist(), strict=True)
    return np.array([f"{_id(start)}_{_id(end)}" for start, end in ends], dtype=object)


def _id(zone: float) -> str:
    return str(int(zone)) if zone.is_integer() else ""
