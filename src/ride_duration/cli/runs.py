"""`kedro runs`: tracked runs, compared and reproduced."""

from __future__ import annotations

from pathlib import Path

import click

from ride_duration.cli.context import load_context, traceback_option
from ride_duration.cli.errors import report_errors
from ride_duration.cli.tables import console, printable
from ride_duration.errors import RideDurationError

_COMPARE_EXAMPLES = """\b
Examples:
  kedro runs compare
  kedro runs compare --last 3 --csv runs.csv
  kedro runs compare 3d4c6f79 70a29302
"""


_REPRODUCE_EXAMPLES = """\b
Examples:
  kedro runs reproduce 3d4c6f79
  kedro runs reproduce 3d4c6f79 --checkout
"""


@click.group()
def runs() -> None:
    """Compare tracked runs, or reproduce one."""


@runs.command(epilog=_COMPARE_EXAMPLES)
@click.argument("run_ids", metavar="[RUN_ID]...", nargs=-1)
@click.option("--last", default=5, show_default=True, type=click.IntRange(min=1), help="How many of the newest runs.")
@click.option("--csv", "csv_path", type=click.Path(dir_okay=False, path_type=Path), help="Write the table here, too.")
@click.option("--html", "html_path", type=click.Path(dir_okay=False, path_type=Path), help="Write a page here, too.")
@click.option("--env", "-e", default=None, help="Environment whose runs are meant.")
@traceback_option
def compare(
    run_ids: tuple[str, ...], last: int, csv_path: Path | None, html_path: Path | None, env: str | None, traceback: bool
) -> None:
    """Compare tracked runs: the newest ones, or those with the given ids (their first characters are enough).

    The RMSE is what the gate decides by; MAE and bias are shown beside it.
    """
    with report_errors(traceback):
        from ride_duration.runs.comparison import compare_runs

        context = load_context(env)
        table = compare_runs(context.project_path, context.config_loader["globals"]["tracking"], run_ids, last)
        if csv_path or html_path:
            import pandas as pd

            frame = pd.DataFrame.from_dict(table, orient="index").astype(object)
            if csv_path:
                frame.to_csv(csv_path)
            if html_path:
                frame.T.to_html(html_path, na_rep="")
        _print(table)
        for path in filter(None, (csv_path, html_path)):
            click.echo(f"Written to {path}.")
        click.echo("Next: `make ui` shows each run with its plots.")


@runs.command(epilog=_REPRODUCE_EXAMPLES)
@click.argument("run_id")
@click.option("--checkout", is_flag=True, help="Run the recorded commit, in a temporary git worktree.")
@click.option("--anyway", is_flag=True, help="Run what is here, even if its commit or lock file is another.")
@click.option("--env", "-e", default=None, help="Environment whose runs are meant; the rerun takes the recorded one.")
@traceback_option
def reproduce(run_id: str, checkout: bool, anyway: bool, env: str | None, traceback: bool) -> None:
    """Run a tracked run again, and say metric by metric whether the result is identical.

    RUN_ID is its id, or the first characters. First the recorded commit, lock file and raw months are compared with
    those here; another one is named, and nothing is run. Then ingestion, data engineering and data science are run
    with the recorded parameters, in a temporary folder: your data and your list of runs stay as they are.
    """
    with report_errors(traceback):
        from ride_duration.runs.reproduction import IDENTICAL
        from ride_duration.runs.reproduction import reproduce as reproduce_run

        context = load_context(env)
        table = reproduce_run(
            context.project_path,
            context.config_loader["globals"]["tracking"],
            run_id,
            context.config_loader["parameters"],
            checkout=checkout,
            anyway=anyway,
        )
        click.echo(printable(table.to_string(float_format="{:.10g}".format, na_rep=""), lines=True))
        differing = table.index[table["result"] != IDENTICAL]
        if len(differing):
            raise RideDurationError(
                f"{len(differing)} of {len(table)} metrics differ: {', '.join(differing)}; "
                "another processor or other packages may round otherwise, and changed code may do anything"
            )
        click.echo(f"identical: {len(table)} metrics")
        click.echo(f"Next: `kedro runs compare {run_id}` shows the run again, `make ui` its plots.")


def _print(table: dict[str, dict[str, str | None]]) -> None:
    """Print one column a run, one line a property: as many runs as the terminal is wide."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(show_edge=False, pad_edge=False)
    shown.add_column("run", style="bold", overflow="fold")
    for run_id in table:
        shown.add_column(run_id, overflow="fold")
    for name in next(iter(table.values())):
        values = [row[name] for row in table.values()]
        shown.add_row(name, *(Text("-" if value is None else printable(value)) for value in values))
    console().print(shown)
