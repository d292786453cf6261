"""How trips are cut into slices: for reports, and for the gate."""

import numpy as np
import pandas as pd

from ride_duration.model_package.intervals import bucket_names, buckets
from ride_duration.pipelines.data_science.parameters import Slices

#: Kinds of slices that are known only after the ride, since they are cut by the metered distance. An answer at request
#: time must not be sliced by them: among rides that turned out short, whoever predicts too little looks good.
_KNOWN_AFTERWARDS = ("distance",)


def slices_of(
    rows: pd.DataFrame, trained: pd.DataFrame, straight_edges: tuple[float, ...], slices: Slices
) -> dict[str, "pd.Series[str]"]:
    """The slice of each kind that a trip belongs to.

    Args:
        rows: Feature rows (n).
        trained: Feature rows that the model was trained on.
        straight_edges: Edges in miles of the buckets of straight-line distance.
        slices: Where to cut.

    Returns:
        Names (n,), with the index of `rows`, by kind: borough_pair, hour, distance, straight_distance, zone_pair.
    """
    miles = pd.cut(rows["trip_distance"], list(slices.distance_edges)).astype("string").fillna("unknown")
    straight = buckets(rows["straight_distance"].to_numpy(dtype=np.float64), straight_edges)
    return {
        "borough_pair": rows["borough_pair"],
        "hour": rows["hour"].astype(int).map("{:02d}".format),
        "distance": miles + " miles",
        "straight_distance": pd.Series(np.array(bucket_names(straight_edges))[straight], rows.index),
        "zone_pair": rows["zone_pair"].isin(trained["zone_pair"].unique()).map({True: "seen", False: "unseen"}),
    }


def is_known_at_request(kind: str) -> bool:
    """Whether the slice of this kind that a ride belongs to is known when the ride is requested."""
    return kind not in _KNOWN_AFTERWARDS
