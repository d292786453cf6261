"""What the logged rides of a day were like, in the bins of a package's reference."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ride_duration.model_package import ModelPackage, Rides
from ride_duration.model_package.reference import ANSWERS, COUNTS
from ride_duration.stats.binning import find_bins
from ride_duration.store.queries.logged_rides import VARIANTS, LoggedRides
from ride_duration.store.variant import Variant
from ride_duration.trips.features import METERED
from ride_duration.trips.records import DURATION

#: Levels of the quantiles that are compared in the feature's unit.
LEVELS = np.linspace(0.005, 0.995, 100)

#: With fewer of the labelled rides, their distances say nothing of all.
_RECORDED = 0.5

Columns = dict[str, NDArray[np.float64]]


def read_edges(package: ModelPackage) -> dict[str, NDArray[np.float64]]:
    """Return the inner edges of the bins of each feature; none where the package has no reference."""
    if COUNTS not in package.contents:
        return {}
    bins = pq.read_table(io.BytesIO(package.contents[COUNTS]), columns=["feature", "low"]).to_pandas()
    found = {}
    for feature, rows in bins.groupby("feature", sort=False):
        lows = np.sort(rows["low"].unique())
        found[str(feature)] = lows[np.isfinite(lows)]
    return found


class FeatureCounts:
    """Counts the rides of a day by the bins of each feature, batch by batch.

    Every ride counts once, whichever version answered it; answers are counted of one version alone. What only the meter
    knows is counted among labelled rides, where reports, or requests, bring the distance. Rides whose duration is known
    and out of range are left out, as they are in the reference.

    Args:
        package: Of the version.
        version: Its number.
    """

    def __init__(self, package: ModelPackage, version: int) -> None:
        self._package, self._version = package, version
        self._edges = read_edges(package)
        self._counts = {name: np.zeros(len(edges) + 2) for name, edges in self._edges.items()}

    def add(self, rides: LoggedRides) -> None:
        """Count rides (n)."""
        if not self._edges:
            return
        for name, values in self._read(rides).items():
            bins = find_bins(values, self._edges[name])
            self._counts[name] += np.bincount(bins, minlength=len(self._counts[name]))

    def to_rows(self, chosen: LoggedRides) -> list[dict[str, Any]]:
        """Return the rows of `monitoring_features`, with the quantiles of the chosen rides; none for what is not known.

        Args:
            chosen: Some of the rides that were counted.
        """
        values = self._read(chosen) if self._edges else {}
        rows = []
        for name, counts in self._counts.items():
            missing = counts[-1] / max(counts.sum(), 1.0)
            if not counts.sum() or missing > (1 - _RECORDED if name in METERED else 1 - 1e-9):
                continue
            known = values[name][~np.isnan(values[name])]
            quantiles = np.quantile(known, LEVELS).tolist() if len(known) else []
            rows.append({"version": self._version, "feature": name, "counts": counts.tolist(), "quantiles": quantiles})
        return rows

    def _read(self, rides: LoggedRides) -> Columns:
        """Return the values of each feature, of those rides that it is counted of."""
        with np.errstate(invalid="ignore"):
            out_of_range = (rides.actual < DURATION[0]) | (rides.actual > DURATION[1])
        counted = (rides.variant != VARIANTS.index(Variant.SHADOW)) & ~out_of_range
        rides = LoggedRides._make(values[counted] for values in rides)
        distance = np.where(np.isnan(rides.metered), rides.trip_distance, rides.metered)
        when = rides.wall_clock.astype("datetime64[s]")
        features = self._package.columns(Rides(rides.pickup_zone, rides.dropoff_zone, when, distance))
        labelled = ~np.isnan(rides.actual)
        found = {
            name: features[name][labelled] if name in METERED else features[name]
            for name in self._edges
            if name not in ANSWERS
        }
        own, asked = rides.version == self._version, ~np.isnan(rides.trip_distance)
        answers = dict(zip(ANSWERS, (rides.predicted[own & asked], rides.predicted[own & ~asked]), strict=True))
        return found | {name: values for name, values in answers.items() if name in self._edges}
