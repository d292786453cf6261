"""A page that needs no network: the verdict and its cause first, then what it was decided on."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from ride_duration.pipelines.monitoring.charts import draw_days
from ride_duration.pipelines.monitoring.daily_sums import ALL
from ride_duration.pipelines.monitoring.drift_report import report_drift
from ride_duration.pipelines.monitoring.evaluated import Evaluated
from ride_duration.pipelines.monitoring.incident_days import mark_days
from ride_duration.pipelines.monitoring.parameters import Monitoring
from ride_duration.pipelines.monitoring.trend import compute_trends
from ride_duration.pipelines.monitoring.verdict_text import (
    NAMES,
    SHARES,
    describe_acceptance,
    describe_drift,
    describe_estimate,
    describe_labels,
    describe_version,
    list_skew_of_others,
)
from ride_duration.pipelines.monitoring.window_figures import measure
from ride_duration.pipelines.monitoring.window_verdict import select_window
from ride_duration.store.monitoring import Evidence

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2733;--soft:#5d6b7a;--line:#0b62a8;--grid:#d9dfe6;--bad:#b3261e;--good:#15602e;
--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e7edf3;--soft:#9fb0c0;--line:#6cb6ff;--grid:#36424e;--bad:#ff8a80;
--good:#7fd99a;--paper:#12181f}}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:var(--ink);
background:var(--paper);overflow-wrap:anywhere}
h1{margin-bottom:.2rem}h1.ok{color:var(--good)}h1.retrain,h1.incident{color:var(--bad)}
div.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
td,th{padding:.3rem .6rem;border-bottom:1px solid var(--grid);text-align:left;white-space:nowrap}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}
figure{margin:1.2rem 0}figcaption{font-weight:600}svg{width:100%;height:auto}
.grid{stroke:var(--grid)}
.tick{font-size:12px;fill:var(--soft)}.line{fill:none;stroke:var(--line);stroke-width:2}
.dot{fill:var(--line)}.limit{stroke:var(--bad);stroke-dasharray:5 4}
circle.incident{fill:none;stroke:var(--bad);stroke-width:2}.soft{color:var(--soft)}.band{fill:var(--line);opacity:.18}
.usual{fill:none;stroke:var(--soft);stroke-width:2}.then{fill:var(--soft)}.now{fill:var(--line)}.key::before{content:"";display:inline-block;width:.8em;height:.8em;
margin-right:.4em;background:var(--line)}.key.past::before{background:var(--soft)}
.grid-of{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(17rem,100%),1fr));gap:0 1rem}
.grid-of.days{grid-template-columns:repeat(auto-fill,minmax(min(22rem,100%),1fr))}
"""


def write_report(
    verdict: dict[str, Any],
    daily_sums: pd.DataFrame,
    drift_scores: pd.DataFrame,
    evaluated: Evaluated,
    monitoring: Monitoring,
    label_figures: dict[str, Any] | None = None,
) -> str:
    """Write the report of a window as a web page.

    Args:
        verdict: Of `evaluate_window`.
        daily_sums: Of `sum_days`.
        drift_scores: Of `measure_drift`.
        evaluated: Of `find_evaluated`.
        monitoring: Says which months.
        label_figures: Of `summarise_labels`; none for scored months.
    """
    days = select_window(daily_sums, monitoring, verdict["version"], verdict["moment"])
    incidents = mark_days(days.day, evaluated.incidents)
    counted = days.labelled >= monitoring.verdict_thresholds.min_rides_of_a_day
    limits = monitoring.verdict_thresholds
    trends = compute_trends(days, counted)
    with np.errstate(divide="ignore", invalid="ignore"):
        known = np.where(days.rides > 0, days.labelled / days.rides, np.nan)
    edge, accepted = float(np.exp(limits.log_level)), verdict.get("accepted")
    level, error = (accepted["level"], accepted["level"] * accepted["error_ratio"]) if accepted else (1.0, 1.0)
    compared = f"<p>Compared {escape(describe_acceptance(accepted))}.</p>" if accepted else ""
    charts = [
        draw_days(
            "Level: actual / predicted minutes", days.day, trends["level"], (level / edge, level * edge), incidents
        ),
        draw_days(
            "Realised / expected RMSE", days.day, trends["error_ratio"], (error * limits.error_ratio,), incidents
        ),
        draw_days("Share of rides inside the 90 % interval", days.day, trends["coverage"], (0.9,), incidents),
    ]
    # Rides of the log that are answered again with the metered distance have it from their report: all are labelled.
    if not monitoring.is_of_log or verdict["moment"] == "at_request_time":
        charts.append(draw_days("Share of rides whose actual duration is known and valid", days.day, known))
    cause = "" if verdict["cause"] == "none" else f" <small>cause: {escape(verdict['cause'])}</small>"
    simulated = " · simulated" if verdict["simulated"] else ""
    reasons = "".join(f"<li>{escape(reason)}" for reason in verdict["reasons"])
    missing = "".join(f"<li>not evaluated: {escape(what)}" for what in verdict["missing"])
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Monitoring: {escape(verdict['verdict'])}</title><style>{_STYLE}</style>"
        f"<h1 class={escape(verdict['verdict'])}>{escape(verdict['verdict'])}{cause}</h1>"
        f"<p class=soft>Version {verdict['version']}, {escape(verdict['taxi_type'])} taxis, {verdict['first']} to "
        f"{verdict['last']}, answers {escape(verdict['moment'].replace('_', ' '))}{simulated}</p>"
        f"<ul>{reasons}{missing}</ul>{compared}<p><b>Next:</b> {_with_code(verdict['next'])}</p>"
        f"<h2>Figures</h2>{_figures(verdict['figures'])}{_expected(verdict)}{_moments(verdict)}"
        f"<h2>Days</h2><p class=soft>Dots are days, rings incidents; the "
        f"line is the week up to a day, its band the 95 % bounds of a whole week, by correlated days.</p>"
        f"<div class='grid-of days'>{''.join(charts)}</div>"
        f"{_labels(label_figures)}{_broken(verdict)}<h2>Slices</h2>{_slices(daily_sums, verdict, monitoring)}"
        f"<h2>Data drift</h2><p>{escape(describe_drift(verdict))}</p>{report_drift(drift_scores)}</html>\n"
    )


def _broken(verdict: dict[str, Any]) -> str:
    """Return what broke, and what was scored again, as lists."""
    probed = [f"scored again: {describe_version(one)}" for one in verdict.get("probed", ()) if one["probed"]]
    sentences = [*verdict["broken"], *list_skew_of_others(verdict), *probed]
    items = "".join(f"<li>{escape(sentence)}" for sentence in sentences)
    return f"<h2>What was checked of the records</h2><ul>{items}</ul>" if items else ""


def _labels(figures: dict[str, Any] | None) -> str:
    """Return the reports of actual durations: a sentence, and the labelled share by hour of the day."""
    if not figures:
        return ""
    gaps = f"<p><b>{escape(figures['not_at_random'])}.</b></p>" if figures.get("not_at_random") else ""
    rows = "".join(
        f"<tr><td>{escape(one['group'])}<td class=number>{one['rides']:,}"
        f"{_with_bounds('labelled', one['share'], one['low'], one['high'])}"
        f"<td class=number>{one['difference']:+.1%}{' (not chance)' if one['differs'] else ''}"
        for one in figures.get("groups", ())
    )
    return (
        f"<h2>Labels: reports of actual durations</h2><p>{escape(describe_labels(figures))}</p>{gaps}"
        "<details><summary>By hour of the pick-up, part of the day and borough: rides without a report may be other "
        "rides</summary>"
        f"<div class=wide><table><tr><th>pick-up<th class=number>rides<th class=number>labelled"
        f"<th class=number>95 % by days<th class=number>to all rides of these days{rows}</table></div></details>"
    )


def _with_code(text: str) -> str:
    """Return text as HTML, with what stands between backticks as code."""
    return "".join(
        f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(escape(text).split("`"))
    )


def _figures(figures: dict[str, list[float | None]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}" + "".join(f"<td class=number>{_shown(key, value)}" for value in figures[key])
        for key, name in NAMES.items()
        if figures.get(key, [None])[0] is not None
    )
    return (
        "<div class=wide><table><tr><th><th class=number>value<th class=number>lower<th class=number>upper (95 %, by "
        f"days){rows}</table></div>"
    )


def _expected(verdict: dict[str, Any]) -> str:
    """Return what is expected of rides without a report."""
    return f"<p>{escape(describe_estimate(verdict['expected']))}</p>" if verdict["expected"] else ""


def _moments(verdict: dict[str, Any]) -> str:
    """Return the main figures at request time and with the distance side by side, where there are both."""
    moments = verdict["moments"]
    if not moments:
        return ""
    heads = "".join(
        f"<th class=number>{escape(moment.replace('_', ' '))} ({beside['rides']:,} rides)<th class=number>95 % by days"
        for moment, beside in moments.items()
    )
    rows = "".join(
        f"<tr><td>{escape(NAMES[key])}" + "".join(_with_bounds(key, *beside[key]) for beside in moments.values())
        for key in next(iter(moments.values()))
        if key != "rides"
    )
    other = (
        ""
        if verdict["evidence"] != Evidence.LOG
        else (
            "<p class=soft>These are other rides: with the distance, those whose request named one or whose report "
            "brings it.</p>"
        )
    )
    heading = "<h3>With and without the metered distance</h3>"
    return f"{heading}{other}<div class=wide><table><tr><th>{heads}{rows}</table></div>"


def _with_bounds(key: str, value: float | None, low: float | None, high: float | None) -> str:
    bounds = "n/a" if low is None else f"{_shown(key, low)} to {_shown(key, high)}"
    return f"<td class=number>{_shown(key, value)}<td class=number>{bounds}"


def _slices(daily_sums: pd.DataFrame, verdict: dict[str, Any], monitoring: Monitoring) -> str:
    rows = []
    for name in sorted(set(daily_sums["slice"]) - {ALL}):
        days = select_window(daily_sums, monitoring, verdict["version"], verdict["moment"], name)
        days = days.select(days.labelled > 0)
        if days.labelled.sum() < monitoring.verdict_thresholds.min_rides_of_a_day:
            continue
        figures = measure(days)
        cells = "".join(
            f"<td class=number>{_shown(key, figures[key][0])}"
            for key in ("rmse", "error_ratio", "level", "coverage", "mae")
        )
        low, high = figures["level"][1:]
        rows.append(
            f"<tr><td>{escape(name)}<td class=number>{days.labelled.sum():,.0f}{cells}"
            f"<td class=number>{_shown('level', low)} to {_shown('level', high)}"
        )
    return (
        "<div class=wide><table><tr><th>rides<th class=number>n<th class=number>RMSE<th class=number>RMSE / expected"
        "<th class=number>level<th class=number>coverage<th class=number>MAE<th class=number>level, 95 % by days"
        f"{''.join(rows)}</table></div>"
    )


def _shown(key: str, value: float | None) -> str:
    if value is None:
        return "n/a"
    return f"{value:.1%}" if key in SHARES else f"{value:.3f}"
