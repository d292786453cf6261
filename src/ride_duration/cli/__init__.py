"""What the project adds to `kedro`: a `run` with clear messages, and groups of commands."""

import click

from ride_duration.cli.models import models
from ride_duration.cli.monitor import monitor
from ride_duration.cli.rollout import rollout
from ride_duration.cli.run import run
from ride_duration.cli.runs import runs
from ride_duration.cli.service import service
from ride_duration.cli.simulate import simulate
from ride_duration.cli.store import store


@click.group(name="ride_duration")
def cli() -> None:
    """Commands of the project."""


service.add_command(simulate)
for command in (run, runs, models, rollout, service, monitor, store):
    cli.add_command(command)

__all__ = ["cli", "run"]
