"""What was read, rejected, repaired and flagged, month by month."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir

from ride_duration.pipelines.data_engineering.rules import FLAGGING, REJECTING, REPAIRING
from ride_duration.pipelines.parameters import RawMonths

if TYPE_CHECKING:
    from ride_duration.store.monitoring import IncidentDay


def report_quality(checked_records: ir.Table, incident_days: Sequence[IncidentDay] = ()) -> dict[str, Any]:
    """Count the records of each month by what the rules said of them, and name its incident days.

    Args:
        checked_records: Of `check_records`.
        incident_days: Days on which something broke, which training leaves out; each may be there for several reasons.

    Returns:
        By month: `rows`, `kept`, and under `rejected`, `repaired` and `flagged` a count for each reason code.
        Repairs and flags are counted among the kept trips. A trip may have several; `affected` counts it once for
        each of the three. Of a month that has any, `incident_days`: `day`, `why`, and the `trips` that were kept.
    """
    kept = checked_records.rejected_because.isnull()
    counts = checked_records.group_by("month").aggregate(
        rows=checked_records.count(),
        kept=kept.sum(),
        **{code: (checked_records.rejected_because == code).sum() for code in REJECTING},
        **{code: (checked_records[code] & kept).sum() for code in (*REPAIRING, *FLAGGING)},
        repaired=(_any(checked_records, REPAIRING) & kept).sum(),
        flagged=(_any(checked_records, FLAGGING) & kept).sum(),
    )
    report = {row["month"]: _entry(row) for row in counts.order_by("month").to_pyarrow().to_pylist()}
    whys: dict[str, list[str]] = {}
    for incident in sorted(incident_days, key=lambda one: (one.day, one.kind, one.source)):
        if incident.day[:7] in report:
            whys.setdefault(incident.day, []).append(_describe(incident))
    trips = _count_trips(checked_records, list(whys)) if whys else {}
    for day, reasons in whys.items():
        days = report[day[:7]].setdefault("incident_days", [])
        days.append({"day": day, "why": "; ".join(reasons), "trips": trips.get(day, 0)})
    return report


def _describe(incident: IncidentDay) -> str:
    if incident.why:
        return f"{incident.kind} by {incident.by}: {incident.why}"
    return f"{incident.kind} ({incident.source})" if incident.source else incident.kind


def _count_trips(checked_records: ir.Table, days: list[str]) -> dict[str, int]:
    """Count the kept trips of each day."""
    kept = checked_records.filter(checked_records.rejected_because.isnull())
    of_day = kept.select(day=kept.pickup_datetime.strftime("%Y-%m-%d"))
    counts = of_day.filter(of_day.day.isin(days)).group_by("day").aggregate(trips=ibis._.count())
    return {row["day"]: row["trips"] for row in counts.to_pyarrow().to_pylist()}


def _any(checked_records: ir.Table, codes: tuple[str, ...]) -> ir.BooleanColumn:
    return reduce(operator.or_, (checked_records[code] for code in codes))


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "rows": row["rows"],
        "kept": row["kept"],
        "rejected": {code: row[code] or 0 for code in REJECTING},
        "repaired": {code: row[code] for code in REPAIRING},
        "flagged": {code: row[code] for code in FLAGGING},
        "affected": {"rejected": row["rows"] - row["kept"], "repaired": row["repaired"], "flagged": row["flagged"]},
    }


def plot_quality(quality_report: dict[str, Any], raw_months: RawMonths) -> Any:
    """Bars: share of each month's records by reason code."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for month, entry in quality_report.items():
        shares = {
            f"{code} ({group})": count / entry["rows"]
            for group in entry["affected"]
            for code, count in entry[group].items()
        }
        figure.add_bar(x=list(shares), y=list(shares.values()), name=month)
    city = "simulated trips" if raw_months.simulated else "trips"
    return figure.update_layout(
        title=f"Data quality: share of {city} by reason", yaxis_tickformat=".2%", xaxis_title="reason", barmode="group"
    )


def summarise_quality(quality_report: dict[str, Any], raw_months: RawMonths) -> str:
    """The report as plain text: a line for each month with rows read, kept, and rejected by reason."""
    city = "SIMULATED trips of the synthetic city" if raw_months.simulated else f"{raw_months.source.upper()} trips"
    lines = [f"{raw_months.taxi_type.capitalize()} taxi, {city}", "", f"{'month':<8}{'rows':>12}{'kept':>12}  rejected"]
    for month, entry in quality_report.items():
        rejected = ", ".join(f"{count:,} {code}" for code, count in entry["rejected"].items() if count) or "none"
        lines.append(f"{month:<8}{entry['rows']:>12,}{entry['kept']:>12,}  {rejected}")
    for month, entry in quality_report.items():
        if days := entry.get("incident_days"):
            named = ", ".join(f"{one['day']} ({one['why']})" for one in days)
            trips = sum(one["trips"] for one in days)
            left_out = f"{trips:,} trips on incident days, left out of training and not of evaluation"
            lines.append(f"{month:<8}{left_out}: {named}")
    return "\n".join([*lines, ""])
