"""`kedro monitor calibrate`: how often would the monitoring raise an alarm where nothing has changed?"""

from __future__ import annotations

from typing import Any

import click

from ride_duration.cli.context import chosen, load_context, same_choice
from ride_duration.cli.errors import report_errors
from ride_duration.cli.tables import show_progress
from ride_duration.errors import ConfigurationError, NotFound

_EXAMPLES = """\b
Examples:
  kedro monitor calibrate
  kedro monitor calibrate --env tlc --check || echo "false alarms are out of their bounds"
"""


@click.command(epilog=_EXAMPLES)
@click.option("--check", is_flag=True, help="End with 1 where false alarms are out of their bounds.")
@click.option("--references", default=300, show_default=True, type=click.IntRange(20, 10_000),
              help="References that are drawn, four groups of windows each.")  # fmt: skip
@click.option("--windows", default=400, show_default=True, type=click.IntRange(20, 100_000),
              help="Windows that are drawn for each spread of the months.")  # fmt: skip
@chosen
def calibrate(
    check: bool, references: int, windows: int, env: str | None, params: dict[str, Any], traceback: bool
) -> None:
    """Count the false alarms at each step, on days of the champion's reference drawn again.

    In these windows nothing has changed but what whole days do, so that every alarm is a false one. The table of
    verdicts says what the threshold of the level costs where months differ by themselves.
    """
    with report_errors(traceback):
        from ride_duration.pipelines.monitoring.false_alarms import calibrate as count
        from ride_duration.pipelines.monitoring.false_alarms import describe_calibration

        context = load_context(env, params)
        limits = _read_limits(context.params)
        package = context.catalog.load("champion_package")
        if package is None:
            raise NotFound(
                "there is no champion whose reference could be drawn from; "
                f"`kedro run{same_choice(env, params)}` releases the first"
            )
        counted = count(package, *limits, references, windows, _show_progress)
        click.echo(describe_calibration(counted))
        click.echo("")
        for problem in counted.problems:
            click.echo(f"Out of bounds: {problem}.")
        if not counted.problems:
            click.echo("All within bounds: 0.2 % to 2 % a feature on the mean, at most 1 % of windows after all steps.")
        click.echo("Next: thresholds stand in conf/base/parameters_monitoring.yml; "
                   f"`kedro monitor run{same_choice(env, params)}` evaluates a window.")  # fmt: skip
    if check and counted.problems:
        raise SystemExit(1)


def _read_limits(params: dict[str, Any]) -> tuple[Any, Any]:
    from pydantic import ValidationError

    from ride_duration.pipelines.monitoring.limits import DriftLimits, Thresholds

    try:
        return Thresholds(**params["verdict_thresholds"]), DriftLimits(**params["drift_limits"])
    except ValidationError as error:
        said = (f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
        raise ConfigurationError("\n  ".join(said)) from error


def _show_progress(what: str, done: int, of: int) -> None:
    """Say how far the calibration is, on one line of a terminal, and now and then elsewhere."""
    show_progress(f"  {what}: {done} of {of}", is_last=done == of, is_loud=done % 100 == 0)
