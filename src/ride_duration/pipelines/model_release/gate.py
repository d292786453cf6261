"""The gate: may this package answer people's rides? Each check says what it looked at and what it found."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC
from typing import Any

import numpy as np
import pandas as pd

from ride_duration.clock import local_time
from ride_duration.datasets.release import FormerChampion
from ride_duration.model_package import Answers, ModelPackage, golden_error, golden_rides
from ride_duration.model_package.intervals import bucket_names, buckets
from ride_duration.pipelines.data_science.duration_model import without_distance
from ride_duration.pipelines.data_science.parameters import Slices
from ride_duration.pipelines.data_science.slices import slices_of
from ride_duration.pipelines.model_release.answer_errors import needs_distance
from ride_duration.pipelines.model_release.champion import compare_with_champions
from ride_duration.pipelines.model_release.consistency_checks import refuse_other_trips
from ride_duration.pipelines.model_release.gate_checks import REQUEST_TIME_CHECK, Check, columns_of
from ride_duration.pipelines.model_release.parameters import Gate
from ride_duration.stats.metrics import MOMENTS, compute_rmse, find_covered

_TIMED_RIDES = 200

#: The headline of a report: minutes with metered distance and at request time.
_RMSE = ("rmse", "rmse_without_distance")


def gate_package(
    model_package: ModelPackage,
    champion_package: ModelPackage | None,
    former_champions: Sequence[FormerChampion],
    train_features: pd.DataFrame,
    val_features: pd.DataFrame,
    test_features: pd.DataFrame,
    gate: Gate,
    slices: Slices,
) -> dict[str, Any]:
    """Evaluate a package, by its own answers, on months that it was not trained on.

    Returns:
        `passed`, `verdict` (a sentence), `package` (the fingerprint of what was evaluated), `champion` (the version
        that it was compared with, None if there was none), `same_as_champion`, `no_improvement` (why it does not
        replace the champion although it passed; None where it does, or failed), the model's facts and the `checks`.

    Raises:
        RideDurationError: The trips are not those of the months that the package is to evaluate on.
    """
    refuse_other_trips(model_package.manifest, train=train_features, val=val_features, test=test_features)
    evaluated = pd.concat([val_features, test_features], ignore_index=True)
    sliced = slices_of(evaluated, train_features, model_package.calibration.edges, slices)
    answers = _answers(model_package, val_features)
    comparison = compare_with_champions(model_package, champion_package, former_champions, evaluated, sliced, gate)
    checks = [
        _data_quality(model_package, gate),
        _later_months(model_package),
        *_answers_at_request_time(model_package, champion_package, gate),
        *_beats_baselines(model_package, val_features, answers),
        *comparison.checks,
        *_coverage(model_package, val_features, answers, gate),
        _golden(model_package, gate),
        _size(model_package, gate),
        _latency(model_package, gate),
    ]
    failed = [check.name for check in checks if not check.passed]
    same = champion_package is not None and champion_package.identity == model_package.identity
    verdict = f"failed: {', '.join(failed)}" if failed else f"passed all {len(checks)} checks"
    facts = ("model", "run_id", "train_data", "val_data", "test_data", "service", "source", "simulated")
    baselines = model_package.read_json("metrics.json")["baselines"]
    return {
        "passed": not failed,
        "verdict": verdict,
        "package": model_package.fingerprint,
        "champion": None if champion_package is None else champion_package.version,
        "same_as_champion": same,
        "no_improvement": None if failed else comparison.no_improvement,
        **{name: model_package.manifest[name] for name in (*facts, *_RMSE)},
        "baselines": {name: {measure: measures[measure] for measure in _RMSE} for name, measures in baselines.items()},
        "evaluated_at": f"{local_time().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "checks": [check._asdict() for check in checks],
    }


def _data_quality(package: ModelPackage, gate: Gate) -> Check:
    report, limits = package.read_json("quality_report.json"), gate.model_dump(include={*_KINDS})
    shares = {
        (kind, month): entry["affected"][kind] / entry["rows"] for month, entry in report.items() for kind in _KINDS
    }
    over = [f"{share:.1%} {kind} in {month}" for (kind, month), share in shares.items() if share > limits[kind]]
    worst = ", ".join(f"at most {max(s for (k, _), s in shares.items() if k == kind):.1%} {kind}" for kind in _KINDS)
    demand = ", ".join(f"{kind} <= {limits[kind]:.0%}" for kind in _KINDS)
    return Check("data quality", demand, not over, "; ".join(over) or f"{worst} in {', '.join(report)}")


_KINDS = ("rejected", "repaired", "flagged")


def _later_months(package: ModelPackage) -> Check:
    """A model that predicts rides to come is evaluated on months after all that it was trained on."""
    train, val = package.manifest["train_data"], package.manifest["val_data"]
    found = f"trained on months up to {max(train)}, and evaluated on months from {min(val)} on"
    return Check("evaluated on later months", "val_data comes after train_data", max(train) < min(val), found)


def _answers_at_request_time(package: ModelPackage, champion: ModelPackage | None, gate: Gate) -> list[Check]:
    """A champion is asked for rides that have not begun, whose distance no meter has measured yet."""
    if not gate.request_time:
        return []
    needs = needs_distance(package)
    allowed = champion is None or needs_distance(champion)
    way_out = "`gate.request_time: false` allows it" if allowed else "the champion answers without it"
    found = f"this model needs the metered distance; {way_out}" if needs else "it does"
    return [Check(REQUEST_TIME_CHECK, "answers without the metered distance", not needs, found)]


def _beats_baselines(package: ModelPackage, val: pd.DataFrame, answers: dict[str, Answers]) -> list[Check]:
    actual = val["duration"].to_numpy()
    own = {suffix: compute_rmse(answered.duration - actual) for suffix, answered in answers.items()}
    checks = []
    for name, measures in package.read_json("metrics.json")["baselines"].items():
        theirs = {suffix: measures[f"rmse{suffix}"] for suffix in own}
        passed = all(own[suffix] < (theirs[suffix] or np.inf) for suffix in own)
        found = " and ".join(f"{own[s]:.3f} against {theirs[s]:.3f} {MOMENTS[s]}" for s in own if theirs[s] is not None)
        demand = f"smaller RMSE than {name}"
        checks.append(Check(f"better than {name}", demand, passed, f"{found} ({_unit(package)})"))
    return checks


def _unit(package: ModelPackage) -> str:
    return "minutes, simulated" if package.manifest["simulated"] else "minutes"


def _answers(package: ModelPackage, rows: pd.DataFrame) -> dict[str, Answers]:
    """Minutes and bounds with distance, and without it if the model can answer so, by suffix."""
    moments = {"": rows}
    if package.manifest["distance"] != "required":
        moments["_without_distance"] = without_distance(rows)
    return {suffix: package.answer_columns(columns_of(part)) for suffix, part in moments.items()}


def _coverage(package: ModelPackage, val: pd.DataFrame, answers: dict[str, Answers], gate: Gate) -> list[Check]:
    low, high = gate.coverage
    edges = package.calibration.edges
    names = bucket_names(edges)
    bucket = buckets(val["straight_distance"].to_numpy(dtype=np.float64), edges)
    actual = val["duration"].to_numpy()
    checks = []
    for suffix, answered in answers.items():
        held = find_covered(actual, answered.lower, answered.upper)
        shares = {
            names[number]: float(held[bucket == number].mean())
            for number in np.unique(bucket)
            if (bucket == number).sum() >= gate.bucket_trips
        }
        short = [f"{share:.1%} {name}" for name, share in shares.items() if share < gate.bucket_coverage]
        overall = float(held.mean())
        worst = min(shares, key=shares.__getitem__, default="none")
        found = f"{overall:.1%}, mean width {np.mean(answered.upper - answered.lower):.1f} {_unit(package)}"
        if shares:
            found += f"; least {shares[worst]:.1%} {worst}"
        demand = f"{low:.0%} to {high:.0%} in all, {gate.bucket_coverage:.0%} in each bucket of {gate.bucket_trips:,}"
        checks.append(Check(f"intervals {MOMENTS[suffix]}", demand, low <= overall <= high and not short, found))
    return checks


def _golden(package: ModelPackage, gate: Gate) -> Check:
    rides, off = len(golden_rides(package).pickup_zone), golden_error(package)
    demand = f"answers to golden rides within {gate.golden_minutes} minutes"
    return Check("golden rides", demand, off <= gate.golden_minutes, f"{rides} rides, off by {off:.2g}")


def _size(package: ModelPackage, gate: Gate) -> Check:
    megabytes = sum(len(content) for content in package.contents.values()) / 1e6
    return Check("size", f"at most {gate.megabytes:g} MB", megabytes <= gate.megabytes, f"{megabytes:.1f} MB")


def _latency(package: ModelPackage, gate: Gate) -> Check:
    rides = golden_rides(package)
    took = []
    for number in range(_TIMED_RIDES):
        ride = rides.one(number % len(rides.pickup_zone))
        started = time.perf_counter()
        package.answer(ride)
        took.append((time.perf_counter() - started) * 1000)
    median, late = np.percentile(took, [50, 99])
    found = f"median {median:.2f} ms, 99th percentile {late:.2f} ms, one ride with its interval"
    return Check("latency", f"median of at most {gate.milliseconds:g} ms", bool(median <= gate.milliseconds), found)
