"""What the project adds to `kedro`: a `run` with clear messages, and the groups `runs` and `models`."""

import click

from ride_duration.cli.models import models
from ride_duration.cli.monitor import monitor
from ride_duration.cli.rollout import ab, rollout
from ride_duration.cli.run import run
from ride_duration.cli.runs import runs
from ride_duration.cli.serving import keys, serve


@click.group(name="ride_duration")
def cli() -> None:
    """Commands of the project."""


models.add_command(serve)
models.add_command(keys)
models.add_command(rollout)
models.add_command(ab)
cli.add_command(run)
cli.add_command(runs)
cli.add_command(models)
cli.add_command(monitor)

__all__ = ["cli", "run"]
