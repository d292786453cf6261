"""The part of the report about the rides: which features differ from the reference, and how."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from ride_duration.model_package.reference import ANSWERS
from ride_duration.pipelines.monitoring.charts import draw_hours, draw_shares
from ride_duration.pipelines.monitoring.window_verdict import find_separation

#: What distances between values of a feature, or an answer, are measured in; none where it is a ratio.
UNITS = {
    **dict.fromkeys(("pickup_x", "pickup_y", "dropoff_x", "dropoff_y", "trip_distance"), "miles"),
    **dict.fromkeys(("manhattan_distance", "straight_distance"), "miles"),
    **dict.fromkeys(("hour", "hour_of_week"), "h"),
    "weekday": "days",
    **dict.fromkeys(ANSWERS, "min"),
}

#: What answers are called.
_ANSWERS = dict(zip(ANSWERS, ("With the distance", "At request time"), strict=True))

#: Features whose spread is drawn; those that are beyond all limits first, then the largest PSI.
_DRAWN = 6


def report_drift(scores: pd.DataFrame) -> str:
    """Return the scores of drift as HTML: what moved most, predictions by hour, all features together, every score."""
    if scores.empty:
        return "<p>The package has no reference that rides could be compared with.</p>"
    rows = "".join(
        f"<tr><td>{str(score['first'])[:10]} to {str(score['last'])[5:10]}<td>{escape(score['feature'])}"
        f"<td class=number>{score['psi']:.4f}<td class=number>{_to_previous(score)}"
        f"<td class=number>{score['wasserstein']:.3g} {UNITS.get(score['feature'], '')}"
        f"<td class=number>{score['missing']:.1%} ({score['missing_in_reference']:.1%})"
        f"<td class=number>{_show_share(score.get('unseen'))}"
        f"<td class=number>{score['adjusted']:.3f}<td>{'drifted' if score['beyond'] else ''}"
        for score in scores.to_dict("records")
    )
    return (
        f"{_spread(scores)}{_by_hour(scores)}{_separation(scores)}"
        "<p class=soft>PSI against the validation days of the package, in its deciles; p-values by whole days drawn "
        "again, adjusted for the number of features (Holm).</p>"
        "<div class=wide><table><tr><th>window<th>feature<th class=number>PSI"
        "<th class=number>PSI to the week before (p)<th class=number>Wasserstein distance"
        "<th class=number>missing (reference)<th class=number>unseen<th class=number>p<th>"
        f"{rows}</table></div>"
    )


def _to_previous(score: dict[Any, Any]) -> str:
    """Return the PSI to the window before and its adjusted p-value, bold where both are beyond their limits."""
    if np.isnan(score["psi_to_previous"]):
        return "n/a"
    shown = f"{score['psi_to_previous']:.4f} ({score['adjusted_to_previous']:.3f})"
    return f"<b>{shown}</b>" if score["changed"] else shown


def _spread(scores: pd.DataFrame) -> str:
    """Draw the values of the features that moved most in the newest window, over those of the reference."""
    newest = scores[scores["first"] == scores["first"].max()]
    ranked = newest.sort_values(["beyond", "psi"], ascending=False).head(_DRAWN)
    charts = "".join(
        draw_shares(
            f"{score['feature']}{' (drifted)' if score['beyond'] else ''}",
            *(np.asarray(score[name], dtype=np.float64).tolist() for name in ("edges", "share_in_reference", "share")),
        )
        for score in ranked.to_dict("records")
    )
    first, last = str(newest["first"].iloc[0])[:10], str(newest["last"].iloc[0])[:10]
    return (
        f"<p class=soft><span class=key>share of the rides of {first} to {last}</span>, by deciles of the <span "
        f"class='key past'>reference</span>; the {len(ranked)} that moved most</p><div class=grid-of>{charts}</div>"
    )


def _by_hour(scores: pd.DataFrame) -> str:
    """Draw the mean answer of each hour of the newest window over the reference's, where answers are compared."""
    if "hours" not in scores:
        return ""
    newest = scores[(scores["first"] == scores["first"].max()) & scores["hours"].notna()]
    charts = "".join(
        draw_hours(
            f"{_ANSWERS[score['feature']]}: {score['by_hour']:.2f} min apart (p {score['p_value_by_hour']:.3f})",
            *(np.asarray(score[name], dtype=np.float64) for name in ("hours_in_reference", "hours")),
        )
        for score in newest.to_dict("records")
    )
    if not charts:
        return ""
    return (
        "<h3>Predictions by hour of the pick-up</h3><p class=soft>Mean minutes; p by whole days of the rides that the "
        f"reference keeps, drawn again.</p><div class=grid-of>{charts}</div>"
    )


def _show_share(share: float | None) -> str:
    return "n/a" if share is None or np.isnan(share) else f"{share:.1%}"


def _separation(scores: pd.DataFrame) -> str:
    auc = find_separation(scores)
    if auc is None:
        return ""
    return (
        f"<p>A small classifier tells the rides of the newest window from those of the reference, by all features "
        f"together and on days that it has not seen, with an AUC of <b>{auc:.2f}</b> (0.5: not at all; 1: always).</p>"
    )
