"""`kedro monitor`: is the released model still right, and if not, why?"""

from __future__ import annotations

from typing import Any

import click

from ride_duration.cli.alerts import acknowledge, alerts, silence
from ride_duration.cli.calibration import calibrate
from ride_duration.cli.context import load_context, traceback_option
from ride_duration.cli.errors import report_errors
from ride_duration.cli.run import run as run_pipelines
from ride_duration.errors import NotFound

#: What `--exit-code` makes of each verdict; errors end with 1, wrong options with 2.
EXIT_CODES = {"ok": 0, "watch": 0, "retrain": 3, "incident": 4, "insufficient": 5}

_RUN_EXAMPLES = """\b
Examples:
  kedro monitor run --window 2021-03
  kedro monitor run --window 2021-02..2021-03 --env tlc
  kedro monitor run --window 2021-03 --exit-code || echo "retrain, incident or insufficient"
"""

_STATUS_EXAMPLES = """\b
Examples:
  kedro monitor status
  kedro monitor status --env tlc --exit-code
"""

_exit_code_option = click.option(
    "--exit-code", is_flag=True, help="End with 3 for retrain, 4 for incident, 5 for insufficient; else 0."
)


@click.group()
def monitor() -> None:
    """Watch a released model: is it still right, and if not, why?"""


@monitor.command(name="run", epilog=_RUN_EXAMPLES)
@click.option("--window", help="Scored months, for instance 2021-03 or 2021-02..2021-03; default: the parameter.")
@click.option("--params", default="", help="Other parameters, as `kedro run --params` takes them.")
@click.option("--env", "-e", default=None, help="Environment whose scored months are meant.")
@_exit_code_option
@traceback_option
def run(window: str | None, params: str, env: str | None, exit_code: bool, traceback: bool) -> None:
    """Judge the answers of a window of scored months: level, error, coverage, drift; verdict and cause.

    The same as `kedro run --pipelines=monitoring`. Score months first with `--pipelines=batch_scoring`.
    """
    given = ",".join(part for part in (f"window={window}" if window else "", params) if part)
    options = ["--pipelines=monitoring", *(["--env", env] if env else []), *([f"--params={given}"] if given else [])]
    run_pipelines.main([*options, *(["--traceback"] if traceback else [])], prog_name="run", standalone_mode=False)
    if exit_code:
        _end(env, traceback)


@monitor.command(epilog=_STATUS_EXAMPLES)
@click.option("--env", "-e", default=None, help="Environment whose verdict is meant.")
@_exit_code_option
@traceback_option
def status(env: str | None, exit_code: bool, traceback: bool) -> None:
    """Show the last verdict again."""
    with report_errors(traceback):
        _load_verdict(env)
        click.echo(load_context(env).catalog.load("monitoring_summary"))
    if exit_code:
        _end(env, traceback)


for command in (alerts, acknowledge, silence, calibrate):
    monitor.add_command(command)


def _load_verdict(env: str | None) -> dict[str, Any]:
    """Return the last verdict.

    Raises:
        NotFound: There is none, or it is about months of another source or taxi type.
    """
    context = load_context(env)
    wanted = {name: context.params[name] for name in ("source", "taxi_type")}
    verdict = context.catalog.load("verdict") if context.catalog.exists("verdict") else {}
    if {name: verdict.get(name) for name in wanted} != wanted:
        raise NotFound(
            f"there is no verdict about {wanted['taxi_type']} taxis ({wanted['source']}) here; "
            "run `kedro monitor run --window MONTH` with the same --env first"
        )
    return dict(verdict)


def _end(env: str | None, traceback: bool) -> None:
    with report_errors(traceback):
        verdict = _load_verdict(env)["verdict"]
    raise SystemExit(EXIT_CODES[verdict])
