"""What the logged rides of a day were like, in the bins of a package's reference."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ride_duration.model_package import ModelPackage, Rides
from ride_duration.model_package.reference import ANSWERS, COUNTS, ROWS
from ride_duration.pipelines.monitoring.feature_profiles import add_rides, list_seen, make_profiles
from ride_duration.stats.binning import find_bins
from ride_duration.stats.seen_values import SeenValues
from ride_duration.store.queries.logged_rides import VARIANTS, LoggedRides
from ride_duration.store.variant import Variant
from ride_duration.trips.features import METERED
from ride_duration.trips.records import DURATION

#: Levels of the quantiles that are compared in the feature's unit.
LEVELS = np.linspace(0.005, 0.995, 100)

#: With fewer of the labelled rides, their distances say nothing of all.
_RECORDED = 0.5

Numbers = NDArray[np.float64]


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


def read_seen(package: ModelPackage) -> dict[str, SeenValues]:
    """Return the values that each feature has among the rides of the package's reference."""
    return list_seen(pq.read_table(io.BytesIO(package.contents[ROWS])).to_pandas())


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
        self._seen = read_seen(package) if self._edges else {}
        self._profiles = make_profiles(1)

    def add(self, rides: LoggedRides) -> None:
        """Count rides (n)."""
        if not self._edges:
            return
        for name, (values, hour) in self._read(rides).items():
            bins = find_bins(values, self._edges[name])
            self._counts[name] += np.bincount(bins, minlength=len(self._counts[name]))
            add_rides(self._profiles, self._seen, name, np.zeros(len(values), dtype=np.int64), values, hour)

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
            known = values[name][0][~np.isnan(values[name][0])]
            quantiles = np.quantile(known, LEVELS).tolist() if len(known) else []
            row = {"version": self._version, "feature": name, "counts": counts.tolist(), "quantiles": quantiles}
            unseen, hours = (of.get(name) for of in self._profiles)
            row["unseen"] = None if unseen is None else float(unseen[0])
            rows.append(row | {"hours": None if hours is None else hours[0].tolist()})
        return rows

    def _read(self, rides: LoggedRides) -> dict[str, tuple[Numbers, Numbers]]:
        """Return the values of each feature, and the hours of the pick-up, of those rides that it is counted of."""
        with np.errstate(invalid="ignore"):
            out_of_range = (rides.actual < DURATION[0]) | (rides.actual > DURATION[1])
        counted = (rides.variant != VARIANTS.index(Variant.SHADOW)) & ~out_of_range
        rides = LoggedRides._make(values[counted] for values in rides)
        distance = np.where(np.isnan(rides.metered), rides.trip_distance, rides.metered)
        when = rides.wall_clock.astype("datetime64[s]")
        features = self._package.columns(Rides(rides.pickup_zone, rides.dropoff_zone, when, distance))
        labelled, every = ~np.isnan(rides.actual), np.ones(len(rides.actual), dtype=bool)
        hour = rides.wall_clock % 86_400 // 3600
        own, asked = rides.version == self._version, ~np.isnan(rides.trip_distance)
        of_answers = dict(zip(ANSWERS, (own & asked, own & ~asked), strict=True))
        found = {}
        for name in self._edges:
            chosen = of_answers.get(name, labelled if name in METERED else every)
            found[name] = (rides.predicted if name in ANSWERS else features[name])[chosen], hour[chosen]
        return found
