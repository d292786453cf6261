"""A package against the best former champion: many releases, each a little worse than the last, must not add up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ride_duration.datasets.release import FormerChampion
from ride_duration.errors import RegistryUnavailable, RideDurationError
from ride_duration.model_package import ModelPackage
from ride_duration.pipelines.model_release.answer_errors import (
    Errors,
    compare_errors,
    days_of,
    describe_difference,
    find_errors,
)
from ride_duration.pipelines.model_release.parameters import Gate
from ride_duration.stats.metrics import MOMENTS


def compare_with_best(
    former_champions: Sequence[FormerChampion],
    champion: ModelPackage | None,
    rows: pd.DataFrame,
    own: Errors,
    gate: Gate,
) -> tuple[bool, str]:
    """Compare errors with those of the former champion that has the smallest RMSE on the same trips, for each answer.

    Args:
        former_champions: The newest first. One that answers as the champion or a newer one does is passed over; one
            whose files are gone or damaged, or that was trained on the month of the rows or a later one, is left out.
        champion: The one that answers now, if any.
        rows: Feature rows (n) of one month, on days that count.
        own: Errors of the package on them.
        gate: Thresholds.

    Returns:
        Whether the package is not worse, and what was found, with those that were left out.
    """
    month, left_out = str(rows["month"].iloc[0]), []
    best: dict[str, tuple[int, Errors]] = {}
    for version, loaded in _load_different(former_champions[: gate.recent_champions], champion):
        if isinstance(loaded, RideDurationError):
            left_out.append(f"version {version} ({loaded})")
        elif max(loaded.manifest["train_data"]) >= month:
            left_out.append(f"version {version} (trained on {', '.join(loaded.manifest['train_data'])})")
        else:
            _keep_best(best, version, find_errors(loaded, rows))
    passed, found = True, []
    for suffix in [suffix for suffix in MOMENTS if suffix in own and suffix in best]:
        version, errors = best[suffix]
        [difference] = compare_errors({suffix: own[suffix]}, errors, days_of(rows), gate).values()
        passed &= difference.high <= gate.champion_worse
        found.append(f"{describe_difference(suffix, difference, own, errors)} than version {version}")
    evidence = f"on {month}, {len(rows):,} trips: {'; '.join(found)}" if found else "there is none to compare with"
    return bool(passed), evidence + (f"; left out: {', '.join(left_out)}" if left_out else "")


def _load_different(
    former_champions: Sequence[FormerChampion], champion: ModelPackage | None
) -> Iterator[tuple[int, ModelPackage | RideDurationError]]:
    """Load, one after another, the packages that answer otherwise than the champion and those before."""
    seen = set() if champion is None else {champion.identity}
    for former in former_champions:
        if former.identity in seen:
            continue
        try:
            package = former.load()
        except RegistryUnavailable:
            raise
        except RideDurationError as error:
            yield former.version, error
            continue
        if package.identity not in seen:
            seen.add(package.identity)
            yield former.version, package


def _keep_best(best: dict[str, tuple[int, Errors]], version: int, errors: Errors) -> None:
    for suffix, minutes in errors.items():
        if suffix not in best or np.mean(minutes**2) < np.mean(best[suffix][1][suffix] ** 2):
            best[suffix] = version, errors
