"""`kedro monitor`: is the released model still right, and if not, why?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from ride_duration.cli.alerts import acknowledge, alerts, describe_undeliverable, silence
from ride_duration.cli.calibrate import calibrate
from ride_duration.cli.context import (
    chosen,
    load_context,
    load_dataset,
    read_values,
    same_choice,
    split_params,
    traceback_option,
)
from ride_duration.cli.errors import report_errors
from ride_duration.cli.inject import inject
from ride_duration.cli.level import level
from ride_duration.cli.marks import mark
from ride_duration.cli.rebase import rebase
from ride_duration.cli.run import run as run_pipelines
from ride_duration.cli.tables import local_time, print_table, printable
from ride_duration.errors import NotFound

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext

    from ride_duration.store.monitoring import VerdictRow

#: What `--exit-code` makes of each verdict; errors end with 1, wrong options with 2.
EXIT_CODES = {"ok": 0, "watch": 0, "retrain": 3, "incident": 4, "insufficient": 5}

_RUN_EXAMPLES = """\b
Examples:
  kedro monitor run --window last_28d
  kedro monitor run --window 2021-03-01..2021-03-28
  kedro monitor run --window 2021-02..2021-03 --env tlc
  kedro monitor run --window 2021-03 --exit-code || echo "retrain, incident or insufficient"
"""

_STATUS_EXAMPLES = """\b
Examples:
  kedro monitor status
  kedro monitor status --env tlc --exit-code
  kedro monitor status --params=taxi_type=yellow
"""

_HISTORY_EXAMPLES = """\b
Examples:
  kedro monitor history
  kedro monitor history --env tlc --json
"""

_exit_code_option = click.option(
    "--exit-code", is_flag=True, help="End with 3 for retrain, 4 for incident, 5 for insufficient; else 0."
)


@click.group()
def monitor() -> None:
    """Watch a released model: is it still right, and if not, why?"""


@monitor.command(name="run", epilog=_RUN_EXAMPLES)
@click.option("--window", help="Logged days: last_28d, 2021-03-01..2021-03-28; scored months: 2021-03.")
@click.option("--params", default="", help="Other parameters, as `kedro run --params` takes them.")
@click.option("--env", "-e", default=None, help="Environment whose answers are meant.")
@_exit_code_option
@traceback_option
def run(window: str | None, params: str, env: str | None, exit_code: bool, traceback: bool) -> None:
    """Evaluate the answers of a window: level, error, coverage, drift; verdict and cause.

    A window is days of what the service logged, or months that `kedro run --pipelines=batch_scoring` has scored. The
    same as `kedro run --pipelines=monitoring`.
    """
    if window is not None and not window.strip():
        message = "--window is empty; write last_28d, 2021-03-01..2021-03-28 or 2021-03, or leave it out"
        raise click.ClickException(message)
    given = ",".join(part for part in (f"window={window}" if window else "", params) if part)
    options = ["--pipelines=monitoring", *(["--env", env] if env else []), *([f"--params={given}"] if given else [])]
    run_pipelines.main([*options, *(["--traceback"] if traceback else [])], prog_name="run", standalone_mode=False)
    if exit_code:
        context = click.get_current_context()
        _end(env, split_params(context, context.command.params[0], given), traceback)


@monitor.command(epilog=_STATUS_EXAMPLES)
@_exit_code_option
@chosen
def status(env: str | None, params: dict[str, Any], exit_code: bool, traceback: bool) -> None:
    """Show the newest verdict again."""
    with report_errors(traceback):
        context = load_context(env, params)
        verdict = _load_verdict(context)
        from ride_duration.pipelines.monitoring.verdict_text import summarise_verdict

        click.echo(summarise_verdict(verdict, verdict.get("labels")))
        if note := _describe_pending(context):
            click.echo(printable(note))
        if undeliverable := describe_undeliverable(env, params):
            click.echo(undeliverable)
    if exit_code:
        raise SystemExit(EXIT_CODES[verdict["verdict"]])


@monitor.command(epilog=_HISTORY_EXAMPLES)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many, at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts; times are UTC.")
@chosen
def history(env: str | None, params: dict[str, Any], limit: int, as_json: bool, traceback: bool) -> None:
    """List the verdicts that the store keeps, the newest first."""
    with report_errors(traceback):
        verdicts, same = load_dataset(load_context(env, params), "conclusion")[:limit], same_choice(env, params)
        if as_json:
            click.echo(json.dumps([_to_entry(verdict) for verdict in verdicts], indent=2))
            return
        if not verdicts:
            click.echo("There are no verdicts yet.", err=True)
            click.echo(f"Next: `kedro monitor run --window last_28d{same}` makes one.", err=True)
            return
        columns = ("decided", "window", "days", "version", "verdict", "cause", "level", "RMSE / expected")
        rows = [
            [
                local_time(datetime.fromtimestamp(verdict.computed_at, UTC)), verdict.window,
                f"{verdict.first} to {verdict.last}", str(verdict.version), verdict.verdict, verdict.cause,
                *(_show_figure(verdict, name) for name in ("level", "error_ratio")),
            ]
            for verdict in verdicts
        ]  # fmt: skip
        print_table(f"Verdicts about {verdicts[0].model}, the newest first", columns, rows)
        click.echo(f"Next: `kedro monitor status{same}` shows the newest in full.", err=True)


def _to_entry(verdict: VerdictRow) -> dict[str, Any]:
    decided = datetime.fromtimestamp(verdict.computed_at, UTC).isoformat(timespec="seconds")
    names = (
        "model",
        "evidence",
        "window",
        "first",
        "last",
        "version",
        "verdict",
        "cause",
        "gain",
        "reasons",
        "figures",
    )
    return {"decided": decided} | {name: getattr(verdict, name) for name in names}


def _show_figure(verdict: VerdictRow, name: str) -> str:
    value = verdict.figures.get(name, [None])[0]
    return "n/a" if value is None else f"{value:.3f}"


for command in (alerts, acknowledge, silence, mark, rebase, inject, calibrate, level):
    monitor.add_command(command)


def _load_verdict(context: KedroContext) -> dict[str, Any]:
    """Return the last verdict: of the store or, of a project whose store has none, of its files.

    Raises:
        NotFound: There is none about the months or answers of this source and taxi type.
        RideDurationError: The store cannot be read.
    """
    kept = load_dataset(context, "conclusion")
    if kept:
        return dict(kept[0].details)
    parameters = read_values(context)
    wanted = {name: parameters[name] for name in ("source", "taxi_type")}
    verdict = load_dataset(context, "verdict") or {}
    if {name: verdict.get(name) for name in wanted} != wanted:
        raise NotFound(
            f"there is no verdict about {wanted['taxi_type']} taxis ({wanted['source']}) here; "
            "run `kedro monitor run --window WINDOW` with the same --env first"
        )
    return dict(verdict)


def _describe_pending(context: KedroContext) -> str:
    """Say which change was accepted after the newest official verdict; empty where none was."""
    kept = [one for one in load_dataset(context, "conclusion") or () if one.official]
    decisions = load_dataset(context, "accepted_changes") if kept else []
    newer = [one for one in decisions if one.version == kept[0].version and one.at >= kept[0].computed_at]
    if not newer:
        return ""
    from ride_duration.pipelines.monitoring.verdict_text import describe_acceptance

    one = newer[0]
    entry = {**one.accepted, "drifted": sorted(one.accepted["rides"]), "by": one.by, "why": one.why, "at": one.at}
    return f"The next official verdict compares {describe_acceptance(entry)}."


def _end(env: str | None, params: dict[str, Any], traceback: bool) -> None:
    with report_errors(traceback):
        verdict = _load_verdict(load_context(env, params))["verdict"]
    raise SystemExit(EXIT_CODES[verdict])
