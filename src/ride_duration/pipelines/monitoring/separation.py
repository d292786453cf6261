"""Can a classifier tell the rides of a window from those of the reference? One figure for all features together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ride_duration.model_package import ModelPackage, Rides
from ride_duration.pipelines.monitoring.comparable_days import CALENDAR
from ride_duration.store.queries.sampled_answers import SampledAnswers
from ride_duration.trips.features import FEATURES, METERED

#: Rides that are looked at, half of them from each side, at most.
MOST_ROWS = 20_000

_FOLDS, _SEED = 5, 1


def take_logged_rides(
    answers: Mapping[str, SampledAnswers], package: ModelPackage, days: NDArray[np.datetime64]
) -> pd.DataFrame | None:
    """Return rides of the log as `measure_separation` takes them: of those that are drawn to be scored again.

    What only the meter knows is left out: some requests bring a distance, and others do not. So are hour and weekday:
    answers are drawn evenly over the day's time, and rides of the reference as they come. A ride that champion and
    shadow have answered counts once.

    Args:
        answers: By day, drawn from the log.
        package: That makes features.
        days: Those that are compared (n,).

    Returns:
        `day` and features; None where no ride was drawn.
    """
    tables, unused = [], {*METERED, *CALENDAR}
    for day in days:
        if (drawn := answers.get(str(day))) is None or not len(drawn.duration):
            continue
        nothing = np.full(len(drawn.duration), np.nan)
        columns = package.columns(Rides(drawn.pickup_zone, drawn.dropoff_zone, drawn.wall_clock, nothing))
        kept = {name: values for name, values in columns.items() if name in FEATURES and name not in unused}
        same = pd.DataFrame({"when": drawn.wall_clock, "from": drawn.pickup_zone, "to": drawn.dropoff_zone})
        tables.append(pd.DataFrame({"day": np.full(len(nothing), day)} | kept)[~same.duplicated().to_numpy()])
    return pd.concat(tables, ignore_index=True) if tables else None


def measure_separation(reference: pd.DataFrame, current: pd.DataFrame) -> float:
    """Return the AUC of a small classifier, on days that it has not seen.

    0.5 where the rides cannot be distinguished, 1 where each can. Folds are whole days: rides of one day look alike,
    and a classifier that had seen others of the same day would recognise the day. See D. Lopez-Paz, M. Oquab,
    "Revisiting classifier two-sample tests" (2017).

    Args:
        reference: Rides of the reference: `day` and features (n, k); missing is NaN.
        current: Rides of the window with the same columns; features of which nothing is known there are left out.

    Returns:
        The mean AUC of the folds; NaN where either side has fewer days than there are folds.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold

    if min(reference["day"].nunique(), current["day"].nunique()) < _FOLDS:
        return float("nan")
    sides = [_choose(rides) for rides in (reference, current)]
    features = [name for name in reference.columns if name != "day" and not current[name].isna().all()]
    values = np.concatenate([rides[features].to_numpy(dtype=np.float64) for rides in sides])
    is_current = np.repeat([False, True], [len(rides) for rides in sides])
    days = [pd.factorize(rides["day"])[0] for rides in sides]
    groups = np.concatenate([days[0], days[1] + days[0].max() + 1])
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=_SEED)
    found = []
    with threadpool_limits(1):
        for train, test in folds.split(values, is_current, groups):
            model = HistGradientBoostingClassifier(
                max_iter=40, max_leaf_nodes=15, learning_rate=0.15, early_stopping=False, random_state=_SEED
            ).fit(values[train], is_current[train])
            found.append(roc_auc_score(is_current[test], model.predict_proba(values[test])[:, 1]))
    return float(np.mean(found))


def _choose(rides: pd.DataFrame) -> pd.DataFrame:
    """Choose rides by chance where there are more than half of `MOST_ROWS`."""
    if len(rides) <= MOST_ROWS // 2:
        return rides
    rng = np.random.default_rng(_SEED)
    return rides.iloc[np.sort(rng.choice(len(rides), MOST_ROWS // 2, replace=False))]
