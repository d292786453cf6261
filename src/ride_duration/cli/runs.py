"""`kedro runs`: what has been tried so far."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from ride_duration.cli.run import told_clearly

if TYPE_CHECKING:
    import pandas as pd

_EXAMPLES = """\b
Examples:
  kedro runs compare
  kedro runs compare --last 3 --csv runs.csv
  kedro runs compare 3d4c6f79 70a29302
"""


@click.group()
def runs() -> None:
    """Look at tracked runs."""


@runs.command(epilog=_EXAMPLES)
@click.argument("run_ids", metavar="[RUN_ID]...", nargs=-1)
@click.option("--last", default=5, show_default=True, type=click.IntRange(min=1), help="How many of the newest runs.")
@click.option("--csv", "csv_path", type=click.Path(dir_okay=False, path_type=Path), help="Write the table here, too.")
@click.option("--html", "html_path", type=click.Path(dir_okay=False, path_type=Path), help="Write a page here, too.")
@click.option("--env", "-e", default=None, help="Environment whose runs are meant.")
@click.option("--traceback", is_flag=True, help="Show the whole traceback of an error, for developers.")
def compare(
    run_ids: tuple[str, ...], last: int, csv_path: Path | None, html_path: Path | None, env: str | None, traceback: bool
) -> None:
    """Compare tracked runs: the newest ones, or those with the given ids (their first characters are enough)."""
    with told_clearly(traceback):
        from kedro.framework.session import KedroSession

        from ride_duration.comparison import compare_runs

        with KedroSession.create(env=env or os.environ.get("KEDRO_ENV")) as session:
            context = cast("KedroSession", session).load_context()
        table = compare_runs(context.project_path, context.config_loader["globals"]["tracking"], run_ids, last)
        if csv_path:
            table.to_csv(csv_path)
        if html_path:
            table.T.to_html(html_path, na_rep="")
        _print(table)
        for path in filter(None, (csv_path, html_path)):
            click.echo(f"Written to {path}.")
        click.echo("Next: `make ui` shows each run with its plots.")


def _print(table: pd.DataFrame) -> None:
    """One column a run, one line a property: as many runs as the terminal is wide."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(show_edge=False, pad_edge=False)
    shown.add_column("run", style="bold")
    for run_id in table.index:
        shown.add_column(str(run_id), overflow="fold")
    for name in table.columns:
        shown.add_row(name, *("" if value is None else str(value) for value in table[name]))
    Console().print(shown)
