"""What the project's commands have in common: options, and the configuration that they choose."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
from kedro.framework.cli.utils import _split_params

from ride_duration.config_loader import ConfigLoader, check_literal
from ride_duration.errors import ConfigurationError, RideDurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kedro.framework.context import KedroContext

traceback_option = click.option(
    "--traceback", is_flag=True, help="Show the whole traceback of an error, for developers."
)


def split_params(context: click.Context, param: click.Parameter, value: Any) -> dict[str, Any]:
    """Read `--params` as `kedro run` does, with one message for each mistake in it.

    Raises:
        click.ClickException: A part is no `name=value`, or its value cannot be read; names the part.
    """
    parts = [] if isinstance(value, dict) else [part.strip() for part in value.split(",") if part.strip()]
    names = [_name_of(part) for part in parts]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise click.ClickException(f"--params gives '{twice}' twice; leave one away, or join months by +")
    for part in parts:
        try:
            _split_params(context, param, part)
        except Exception as error:  # of OmegaConf and of the YAML that values are written in
            reason = str(error).strip().partition("\n")[0]
            raise click.ClickException(
                f"--params: '{part}' cannot be read ({reason}); write name=value, without quotes or brackets"
            ) from None
    return cast("dict[str, Any]", _split_params(context, param, value))


def _name_of(part: str) -> str:
    name, equals, _ = part.partition("=")
    if not equals or not name.strip():
        raise click.ClickException(
            f"--params: '{part}' is not name=value; a comma begins the next parameter, months are joined by + "
            "(train_data=2021-01+2021-02), and lists belong into a file in conf/"
        )
    try:
        check_literal(name.strip(), part)
    except RideDurationError as error:
        raise click.ClickException(str(error)) from None
    return name.strip()


params_option = click.option(
    "--params",
    type=click.UNPROCESSED,
    default="",
    callback=split_params,
    help="Parameters as in `kedro run`, for instance source=tlc or taxi_type=yellow.",
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


def read_values(context: KedroContext) -> dict[str, Any]:
    """Return the checked parameters, without what only the nodes of pipelines need: that takes a second to import."""
    return cast("ConfigLoader", context.config_loader).read_values()


def load_dataset(context: KedroContext, name: str) -> Any:
    """Load what the catalog keeps under a name, or None where there is nothing.

    The context's own catalog holds the parameters of all nodes, too, whose types take seconds to import.

    Raises:
        RideDurationError: It cannot be read.
    """
    from kedro.framework.context.context import _convert_paths_to_absolute_posix
    from kedro.io import DataCatalog

    entry = _convert_paths_to_absolute_posix(context.project_path, {name: context.config_loader["catalog"][name]})
    filepath = entry[name].get("filepath")
    if filepath is not None and not Path(filepath).exists():
        return None
    return DataCatalog.from_config(entry).load(name)


def chosen_model(context: KedroContext) -> str:
    """Name of the registered model that type of taxi and source choose.

    Raises:
        RideDurationError: There is no such type of taxi or source.
    """
    from ride_duration.pipelines.source_rules import find_source_problems
    from ride_duration.registry import model_name

    parameters = read_values(context)
    taxi_type, source = ("" if parameters[name] is None else str(parameters[name]) for name in ("taxi_type", "source"))
    sources = parameters["sources"]
    if not isinstance(sources, dict):
        raise ConfigurationError(f"sources is {sources!r}; write `name: address pattern` lines below it")
    if problems := find_source_problems(source, sources, taxi_type):
        raise ConfigurationError("\n  ".join(problems))
    return model_name(taxi_type, source)


def join_params(params: dict[str, Any], above: str = "") -> str:
    """Return parameters as `--params` takes them."""
    parts = (
        join_params(value, f"{above}{name}.") if isinstance(value, dict) else f"{above}{name}={value}"
        for name, value in params.items()
    )
    return ",".join(parts)


def same_choice(env: str | None, params: dict[str, Any]) -> str:
    """The options that choose the same again, to be added to a command that is proposed."""
    given = join_params(params)
    return (f" --env {env}" if env else "") + (f" --params={given}" if given else "")
