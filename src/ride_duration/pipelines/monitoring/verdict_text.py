"""A verdict and the reports of a window as plain text; needs no package that takes a second to import."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isinf
from typing import Any

#: What figures are called, in the order of their lines.
NAMES = {
    "rmse": "RMSE (min)",
    "expected_rmse": "expected RMSE of such rides (min)",
    "error_ratio": "RMSE / expected RMSE",
    "level": "level (actual / predicted)",
    "bias": "bias (predicted - actual, min)",
    "mae": "MAE (min)",
    "coverage": "inside the 90 % interval",
    "width": "width of the interval (min)",
    "within_5_minutes": "within 5 minutes",
    "labelled": "actual duration known and valid",
}

#: Those that are shares.
SHARES = ("coverage", "within_5_minutes", "labelled")


def summarise_verdict(verdict: dict[str, Any], label_figures: dict[str, Any] | None = None) -> str:
    """The verdict as plain text: what is found and why, the figures, and what to do.

    Args:
        verdict: Of `evaluate_window`.
        label_figures: Of `summarise_labels`; none for scored months.
    """
    figures = verdict["figures"]
    simulated = ", simulated" if verdict["simulated"] else ""
    cause = "" if verdict["cause"] == "none" else f" (cause: {verdict['cause']})"
    about = (
        f"Version {verdict['version']} on {verdict['taxi_type']} taxis, {verdict['first']} to {verdict['last']}, "
        f"answers {verdict['moment'].replace('_', ' ')}{simulated}"
    )
    why = verdict.get("exploratory", "")  # of a former program: none
    lines = [
        f"Verdict: {verdict['verdict']}{cause}",
        about,
        *([f"Exploratory: {why}. Page, metrics and alerts do not follow it."] if why else []),
        *(f"  {reason}" for reason in verdict["reasons"]),
        *([f"Compared {describe_acceptance(verdict['accepted'])}"] if verdict.get("accepted") else []),
        "",
        f"{'':<34}{'':>9}{'95 % by days':>18}",
        *_lines(figures),
    ]
    for moment, beside in verdict.get("moments", {}).items():  # former programs: one moment alone
        if moment != verdict["moment"]:
            lines += [f"Answers {moment.replace('_', ' ')}, {beside['rides']:,} rides:", *_lines(beside)]
    if verdict.get("expected"):
        lines.append(describe_estimate(verdict["expected"]))
    if label_figures:
        lines.append(describe_labels(label_figures))
        if gaps := label_figures.get("not_at_random"):  # of a former program: not known
            lines.append(f"{gaps}.")
    lines += [f"Scored again: {describe_version(one)}" for one in verdict.get("probed", ()) if one["probed"]]
    if verdict.get("marked"):  # former programs knew none
        lines += ["Left out:", *(f"  {sentence}" for sentence in verdict["marked"])]
    if verdict["incidents"]:
        lines += ["Incidents:", *(f"  {sentence}" for sentence in verdict["broken"])]
    lines += list_skew_of_others(verdict)
    lines.append(f"Data drift: {describe_drift(verdict)}")
    if verdict["separation"] is not None:
        auc = f"{verdict['separation']:.2f} (0.5: not at all; 1: always)"
        lines.append(f"A classifier separates the last week's rides from the reference's with an AUC of {auc}")
    lines += [f"Not evaluated: {what}" for what in verdict["missing"]]
    place = f"The days, slices and features behind this are in {verdict['report']}."
    return "\n".join([*lines, "", f"Next: {verdict['next']}.", place])


def describe_labels(figures: dict[str, Any]) -> str:
    """Return a sentence about the reports of a window of the log."""
    known = "n/a" if figures["labelled"] is None else f"{figures['labelled']:.1%}"
    days = f"{figures['final']} days final, {figures['labelled_days']} labelled, {figures['open']} open"
    if incomplete := figures.get("incomplete"):  # of a former program: not known
        days += f", {incomplete} incomplete"
    if figures["delay_p50"] is None:
        return f"Labels: {known} of {figures['rides']:,} rides; {days}"
    delays = ", ".join(f"p{q} <= {figures[f'delay_p{q}']:g} h" for q in (50, 95, 99))
    return (
        f"Labels: {known} of {figures['rides']:,} rides; doubled {figures['doubled'] or 0:.1%}, corrected "
        f"{figures['corrected'] or 0:.1%}; {days} (final {figures['patience']:g} h after their end)\n"
        f"Label delay after the drop-off: {delays}"
    )


def describe_drift(verdict: dict[str, Any]) -> str:
    """Name the features whose distribution has changed, and in how many weeks they must differ; or none."""
    windows = verdict.get("drifted_in")  # of a former program: not known
    return f"{', '.join(verdict['drifted'])}{f' ({windows})' if windows else ''}" if verdict["drifted"] else "none"


def describe_estimate(expected: dict[str, Any]) -> str:
    """Say what the package expects of rides whose actual duration is not reported.

    Args:
        expected: `rides`, how many, and `rmse` with its bounds.
    """
    value, low, high = expected["rmse"]
    bounds = "" if low is None else f" ({low:.3f} to {high:.3f})"
    return (
        f"Estimate: RMSE {value:.3f} min{bounds} for {expected['rides']:,} rides without a reported duration, by the "
        "package's error model. It cannot see concept drift: rides of the same kind that take longer than before."
    )


def _lines(figures: dict[str, list[float | None]]) -> list[str]:
    return [_line(name, *figures[key]) for key, name in NAMES.items() if figures.get(key, [None])[0] is not None]


def _line(name: str, value: float | None, low: float | None, high: float | None) -> str:
    share = name in {NAMES[key] for key in SHARES}
    shown = [f"{number:.1%}" if share else f"{number:.3f}" for number in (value, low, high) if number is not None]
    return f"{name:<34}{shown[0]:>9}{' to '.join(shown[1:]):>18}"


def describe_acceptance(accepted: dict[str, Any]) -> str:
    """Say what days are compared with, since when, and who decided so.

    Args:
        accepted: `since`, `level`, `error_ratio` and the names of the features `drifted`; `by`, `why` and `at`.
    """
    what = []
    if (accepted["level"], accepted["error_ratio"]) != (1.0, 1.0):
        what.append(f"the level {accepted['level']:.3f} and {accepted['error_ratio']:.3f} of the expected RMSE")
    if accepted["drifted"]:
        what.append(f"other rides ({', '.join(accepted['drifted'])})")
    when = datetime.fromtimestamp(accepted["at"], UTC)
    return (
        f"from {accepted['since']} on, with {' and '.join(what)}, accepted on {when:%Y-%m-%d} by {accepted['by']} "
        f"because: {accepted['why']}"
    )


def describe_version(probed: Mapping[str, float | None]) -> str:
    """Return a sentence about a version whose answers were scored again, one of `describe_probe`."""
    answers = f"{probed['probed']:,} answers of version {probed['version']}"
    if not probed["differing"]:
        return f"{answers} agree with its package"
    difference = describe_difference(probed["largest_difference"])
    return f"of {answers} {probed['differing']:,} differ from what its package says, {difference}"


def list_skew_of_others(verdict: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each time that another version did not answer as its package does."""
    return [
        f"Incident of {one['version']}, not of version {verdict['version']}: {sentence}"
        for one in verdict.get("skew_of_others", ())  # of a former program: none
        for sentence in one["broken"]
    ]


def describe_difference(minutes: float | None) -> str:
    """Say by how much answers differ at most."""
    if minutes is None or isinf(minutes):
        return "which for some is not a number"
    return f"by up to {minutes:.2g} min"
