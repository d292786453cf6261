"""What the project's commands have in common: options, and the configuration that they choose."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

import click
from kedro.framework.cli.utils import _split_params

from ride_duration.errors import RideDurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kedro.framework.context import KedroContext

traceback_option = click.option(
    "--traceback", is_flag=True, help="Show the whole traceback of an error, for developers."
)

params_option = click.option(
    "--params",
    type=click.UNPROCESSED,
    default="",
    callback=_split_params,
    help="Parameters as in `kedro run`, for instance source=tlc or service=yellow.",
)


def chosen(command: Callable[..., None]) -> Callable[..., None]:
    """Options that choose the model and its settings."""
    env = click.option("--env", "-e", default=None, help="Environment whose models and settings are meant.")
    return env(params_option(traceback_option(command)))


def load_context(env: str | None, params: dict[str, Any] | None = None) -> KedroContext:
    """The project's context in an environment, with parameters as `kedro run --params` takes them."""
    from kedro.framework.session import KedroSession

    with KedroSession.create(env=env or os.environ.get("KEDRO_ENV"), runtime_params=params) as session:
        return cast("KedroSession", session).load_context()


def chosen_model(context: KedroContext) -> str:
    """Name of the registered model that service and source choose.

    Raises:
        RideDurationError: There is no such service or source.
    """
    from pydantic import ValidationError

    from ride_duration.pipelines.parameters import TripSource
    from ride_duration.registry import model_name

    parameters = context.config_loader["parameters"]
    try:
        chosen = TripSource.model_validate({name: parameters[name] for name in TripSource.model_fields})
    except ValidationError as error:
        said = (problem["msg"].removeprefix("Value error, ") for problem in error.errors())
        raise RideDurationError("\n  ".join(said)) from error
    return model_name(chosen.service, chosen.source)


def same_choice(env: str | None, params: dict[str, Any]) -> str:
    """The options that choose the same again, to be added to a command that is proposed."""
    given = ",".join(f"{name}={value}" for name, value in params.items())
    return (f" --env {env}" if env else "") + (f" --params={given}" if given else "")
