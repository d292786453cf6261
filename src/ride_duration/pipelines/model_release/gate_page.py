"""The report of the gate as a web page that needs no network."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from ride_duration.stats.metrics import MOMENTS

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
table{border-collapse:collapse;margin:1rem 0}
td,th{padding:.4rem .8rem;border-bottom:1px solid #ccc;text-align:left;vertical-align:top}
.number{text-align:right;font-variant-numeric:tabular-nums}
.badge{padding:.1rem .6rem;border-radius:1rem;color:#fff;font-weight:600}
.passed .badge,.badge.passed{background:#15602e}
.failed .badge,.badge.failed{background:#a31515}
tr.failed{background:#fbeaea}
svg text{font:13px system-ui,sans-serif;fill:#1b1b1b}
"""

#: Width of the chart's labels and of its longest bar, height of a bar and the space below a model (pixels).
_LABEL, _LONGEST, _BAR, _SPACE = 180, 420, 18, 10
#: Colours of the bars: with metered distance, at request time.
_COLOURS = ("#1f5fa8", "#d9822b")


def write_gate_page(gate_report: dict[str, Any]) -> str:
    """Write the report of the gate for people: date, versions, months, RMSE as table and chart, and every check."""
    passed = gate_report["passed"]
    badge = f'<span class="badge {"passed" if passed else "failed"}">{"passed" if passed else "failed"}</span>'
    no_improvement = gate_report.get("no_improvement")
    finding = f"<p>{escape(no_improvement)}: it does not replace the champion by itself.</p>" if no_improvement else ""
    facts = "".join(f"<tr><th>{escape(name)}<td>{escape(value)}" for name, value in _facts(gate_report))
    simulated = " (simulated trips)" if gate_report["simulated"] else ""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Gate: {escape(gate_report['model'])}</title>"
        f"<style>{_STYLE}</style><h1>Gate: {escape(gate_report['verdict'])}</h1><p>{badge}</p>{finding}"
        f"<table class=facts>{facts}</table>"
        f"<h2>RMSE in minutes on {escape(', '.join(gate_report['val_data']))}{simulated}</h2>"
        f"{_rmse_table(gate_report)}{_rmse_chart(gate_report)}"
        f"<h2>Checks</h2><table class=checks><tr><th>verdict<th>check<th>demand<th>found{_check_rows(gate_report)}"
        "</table></html>\n"
    )


def _facts(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    simulated = " (simulated trips)" if report["simulated"] else ""
    champion = report.get("champion")
    yield "model", report["model"]
    yield "evaluated", report.get("evaluated_at", "unknown")
    yield "trips", f"{report['service']} taxis, source {report['source']}{simulated}"
    yield "trained on", ", ".join(report["train_data"])
    yield "evaluated on", ", ".join(report["val_data"])
    if report.get("test_data"):
        yield "tested on", ", ".join(report["test_data"])
    yield "compared with", "no champion yet" if champion is None else f"champion, version {champion}"
    yield "training run", report.get("run_id") or "not tracked"
    yield "package (sha256)", report["package"]


def _measures(report: dict[str, Any]) -> dict[str, list[float | None]]:
    """Return the RMSE of the baselines and of the model, with metered distance and at request time."""
    rows = report.get("baselines", {}) | {report["model"]: report}
    return {name: [measures[f"rmse{suffix}"] for suffix in MOMENTS] for name, measures in rows.items()}


def _rmse_table(report: dict[str, Any]) -> str:
    head = "".join(f"<th class=number>{escape(words)}" for words in MOMENTS.values())
    rows = "".join(
        f"<tr><td>{escape(name)}"
        + "".join(
            f"<td class=number>{'n/a (needs the distance)' if rmse is None else f'{rmse:.3f}'}" for rmse in values
        )
        for name, values in _measures(report).items()
    )
    return f"<table class=rmse><tr><th>model{head}{rows}</table>"


def _rmse_chart(report: dict[str, Any]) -> str:
    """Draw a bar for each RMSE, as SVG."""
    measures = _measures(report)
    largest = max((rmse for values in measures.values() for rmse in values if rmse), default=1.0)
    parts, y = [], 0
    for name, values in measures.items():
        parts.append(f"<text x=0 y={y + _BAR + 4}>{escape(name)}</text>")
        for rmse, colour in zip(values, _COLOURS, strict=True):
            if rmse is not None:
                width = round(_LONGEST * rmse / largest)
                parts.append(f"<rect x={_LABEL} y={y} width={width} height={_BAR - 2} fill={colour} />")
                parts.append(f"<text x={_LABEL + width + 6} y={y + _BAR - 5}>{rmse:.2f}</text>")
            y += _BAR
        y += _SPACE
    for number, (words, colour) in enumerate(zip(MOMENTS.values(), _COLOURS, strict=True)):
        x = _LABEL + number * 200
        parts.append(f"<rect x={x} y={y} width=12 height=12 fill={colour} />")
        parts.append(f"<text x={x + 18} y={y + 11}>{escape(words)}</text>")
    size = f"width={_LABEL + _LONGEST + 60} height={y + 20}"
    return f'<svg {size} role=img aria-label="RMSE by model, in minutes">{"".join(parts)}</svg>'


def _check_rows(report: dict[str, Any]) -> str:
    rows = []
    for check in report["checks"]:
        verdict = "passed" if check["passed"] else "failed"
        cells = "".join(f"<td>{escape(check[name])}" for name in ("name", "demand", "evidence"))
        rows.append(f"<tr class={verdict}><td><span class=badge>{verdict}</span>{cells}")
    return "".join(rows)
