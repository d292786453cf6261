"""A rollout and a comparison, as tables for people and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from ride_duration.cli.tables import local_time, print_table

if TYPE_CHECKING:
    from ride_duration.rollout.state_machine import Evidence, Step
    from ride_duration.store.rollouts import Rollout


def rollout_entry(rollout: Rollout, evidence: Evidence | None, step: Step | None, out_of_range: int) -> dict[str, Any]:
    """A rollout in terms of JSON; times are UTC, durations milliseconds or minutes as named.

    Args:
        rollout: As it is kept.
        evidence: What was seen in the present stage; None if it has ended.
        step: What the service does next; None if it has ended.
        out_of_range: Actual durations of the stage outside the range that models are trained on.
    """
    difference = evidence.difference if evidence else None
    return {
        "model": rollout.model,
        "version": rollout.version,
        "against": rollout.against,
        "status": rollout.status,
        "stage": _stage(rollout.share),
        "share": rollout.share,
        "since": _utc(rollout.since),
        "evidence": evidence
        and {
            "requests": evidence.requests,
            "failed": evidence.failed,
            "p99_ms": evidence.p99_ms,
            "actuals": evidence.actuals,
            "out_of_range": out_of_range,
            "difference": difference and difference.verdict,
            "absolute": evidence.absolute and evidence.absolute.verdict,
        },
        "next": step and {"kind": step.kind, "why": step.why},
        "history": [
            {
                "at": _utc(noted.at),
                "status": noted.status,
                "stage": _stage(noted.share),
                "by": noted.by,
                "why": noted.why,
            }
            for noted in rollout.history
        ],
    }


def print_rollout(rollout: Rollout, evidence: Evidence | None, step: Step | None, out_of_range: int) -> None:
    """Print a rollout; arguments as of `rollout_entry`."""
    click.echo(f"Version {rollout.version} of {rollout.model} against version {rollout.against}: {rollout.status}")
    rows = [
        (local_time(datetime.fromtimestamp(noted.at, UTC)), noted.status, _stage(noted.share), noted.by, noted.why)
        for noted in rollout.history
    ]
    print_table("", ("at", "then", "stage", "by", "why"), rows)
    if evidence is not None and step is not None:
        p99 = "not measured" if evidence.p99_ms is None else f"{evidence.p99_ms:.2f} ms"
        verdict, beside = (
            difference.verdict if difference else "not compared"
            for difference in (evidence.difference, evidence.absolute)
        )
        seen = (
            ("requests", f"{evidence.requests:,}"),
            ("failed", f"{evidence.failed:,}"),
            ("99th percentile of its time", p99),
            ("actuals", f"{evidence.actuals:,}"),
            (_name_out_of_range(), f"{out_of_range:,}"),
            ("RMSE, which decides", verdict),
            ("MAE, beside it", beside),
        )
        print_table(f"\nStage {_stage(rollout.share)}", ("of the challenger", "seen so far"), seen)
        click.echo(f"\nThe service's next step is to {step.kind}: {step.why}.")


def print_comparison(rollout: Rollout, report: dict[str, Any]) -> None:
    """Print a comparison.

    Args:
        rollout: Whose versions are compared.
        report: Of `build_comparison`.
    """
    title = f"Version {rollout.version} of {rollout.model} against version {rollout.against}, {rollout.status}"
    _print_variants(title, report["variants"])
    _print_differences("", report["differences"])
    if "variants_shown" in report:
        _print_variants("\nAs clients got them, each multiplied by its live level", report["variants_shown"])
        _print_differences("", report["differences_shown"])
    click.echo(f"\nVerdict: {report['verdict']}.\nNext: {report['next']}.")


def _print_variants(title: str, variants: list[dict[str, Any]]) -> None:
    names = ("mae", "rmse", "bias", "coverage")
    rows = [
        (
            row["variant"],
            *(f"{row[name]:,}" for name in ("predicted", "joined", "out_of_range")),
            *(_number(row[name]) for name in names),
        )
        for row in variants
    ]
    columns = (
        "variant",
        "predicted",
        "joined",
        _name_out_of_range(),
        "MAE (min)",
        "RMSE (min)",
        "bias (min)",
        "coverage",
    )
    print_table(title, columns, rows)


def _print_differences(title: str, differences: list[dict[str, Any]]) -> None:
    compared = [
        (
            row["measure"],
            row["rides"],
            *(f"{row[name]:,}" for name in ("days", "champion", "challenger")),
            _interval(row),
            _p(row["p"]),
        )
        for row in differences
    ]
    columns_of_differences = (
        "measure",
        "rides",
        "days",
        "champion",
        "challenger",
        "challenger to champion (%, 95 % interval)",
        "p",
    )
    print_table(title, columns_of_differences, compared)


def _name_out_of_range() -> str:
    """Return the heading of the count of actual durations that are not joined."""
    from ride_duration.trips.records import DURATION

    return "out of range ({:g} to {:g} minutes)".format(*DURATION)


def _interval(row: dict[str, Any]) -> str:
    bounds: Sequence[float | None] = (row["estimate"], row["low"], row["high"])
    if any(bound is None for bound in bounds):
        return "too early to say"
    estimate, low, high = (100 * bound for bound in bounds if bound is not None)
    return f"{estimate:+.1f} ({low:+.1f} to {high:+.1f})"


def _p(value: float | None) -> str:
    return "< 0.001" if value is not None and value < 0.001 else _number(value)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _stage(share: float) -> str:
    from ride_duration.rollout.plan import format_share

    return format_share(share)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
