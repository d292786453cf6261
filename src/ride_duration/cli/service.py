"""`kedro service`: start the web service, and manage its API keys."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ride_duration.atomic import lock_folder, write_private
from ride_duration.cli.context import chosen, chosen_model, load_context, read_values, same_choice
from ride_duration.cli.errors import report_errors
from ride_duration.cli.tables import printable
from ride_duration.errors import ConfigurationError, RideDurationError

if TYPE_CHECKING:
    from ride_duration.serving.settings import ServiceSettings

_START_EXAMPLES = """\b
Examples:
  kedro service start
  kedro service start --port 8000 --env tlc
  curl localhost:9696/predict -d '{"PULocationID": 10, "DOLocationID": 50, "trip_distance": 4}'
"""

#: Settings of the service that other files of `conf/` and options give.
_NOT_OF_SERVING = (
    "project",
    "model",
    "tracking",
    "rollout",
    "release_command",
    "alerting",
    "level_rules",
    "label_delay_hours",
)

_KEYS_EXAMPLES = """\b
Examples:
  kedro service keys add dispatch --scope predict --scope feedback
  kedro service keys list
  kedro service keys remove dispatch
"""


@click.group(epilog=_START_EXAMPLES)
def service() -> None:
    """Start the web service, play simulated days to it, and manage its API keys."""


@service.command(epilog=_START_EXAMPLES)
@click.option("--host", default=None, help="Address to listen on; default: 127.0.0.1, which only this machine reaches.")
@click.option("--port", type=click.IntRange(1, 65_535), default=None, help="Port to listen on; default: 9696.")
@chosen
def start(host: str | None, port: int | None, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Serve the champion: a page for people at /, and POST /predict for programs.

    Another champion takes over within seconds, without a pause. Ctrl-C stops the service, and loses nothing.
    """
    with report_errors(traceback):
        given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
        settings = service_settings(env, params, given)
        file = settings.own_folder / "settings.json"
        write_settings(file, settings)
        sys.stdout.flush()
        # In this process's place, and not in it: the service needs nothing of what Kedro has loaded here.
        os.execv(sys.executable, [sys.executable, "-m", "ride_duration.serving", "--settings", str(file)])  # noqa: S606 a path of our own


@service.group(epilog=_KEYS_EXAMPLES)
def keys() -> None:
    """Add, list and remove API keys of the service.

    They are required as soon as the service listens on another address than this machine's own, and of operators.
    """


@keys.command(epilog=_KEYS_EXAMPLES)
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="predict, feedback or operate; may be repeated.")
@chosen
def add(name: str, scopes: tuple[str, ...], env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Add a key for NAME, and show it once: only its hash is stored."""
    with report_errors(traceback):
        file = _keys_file(env, params)
        from ride_duration.serving.api_keys import add_key

        made = add_key(file, name, tuple(dict.fromkeys(scopes)))
        click.echo(made)
        click.echo(
            f"Scopes: {', '.join(scopes)}. It is shown only now; send it as `Authorization: Bearer KEY`.", err=True
        )


@keys.command("list")
@chosen
def list_keys(env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """List the API keys by name, with their scopes."""
    with report_errors(traceback):
        file = _keys_file(env, params)
        from ride_duration.serving.api_keys import read_keys

        found = read_keys(file).values()
        for key in found:
            click.echo(printable(f"{key.name}: {', '.join(key.scopes)}"))
        if not found:
            click.echo("There are no keys yet.", err=True)
        click.echo(
            f"Next: `kedro service keys add NAME --scope predict{same_choice(env, params)}` makes one.", err=True
        )


@keys.command()
@click.argument("name")
@chosen
def remove(name: str, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Revoke the API key of NAME; running services follow within a second."""
    with report_errors(traceback):
        file = _keys_file(env, params)
        from ride_duration.serving.api_keys import remove_key

        remove_key(file, name)
        click.echo(f"API key of {name} revoked.")


def _keys_file(env: str | None, params: dict[str, Any]) -> Path:
    return service_settings(env, params, {}).keys_path


def service_settings(env: str | None, params: dict[str, Any], given: dict[str, Any]) -> ServiceSettings:
    """Return the settings of the service in an environment.

    Args:
        env: Of Kedro.
        params: As `--params` gives them.
        given: Settings that come before those of `conf/`.

    Raises:
        RideDurationError: The service is not installed, or a setting cannot be used.
    """
    if importlib.util.find_spec("msgspec") is None or importlib.util.find_spec("uvicorn") is None:
        raise RideDurationError("the web service is not installed; `pip install 'ride_duration[serving]'` brings it")
    from ride_duration.alerting.configuration import parse_alerting
    from ride_duration.rollout.plan import parse_plan
    from ride_duration.serving.settings import ServiceSettings, check_settings

    context = load_context(env, params)
    parameters = read_values(context)
    parse_plan(parameters["rollout"])
    alerting = parameters.get("alerting")  # a project whose conf/ is older than the program has none
    if alerting is not None:
        parse_alerting(alerting)
    if not isinstance(parameters["serving"], dict):
        names = ", ".join(name for name in ServiceSettings.__struct_fields__ if name not in _NOT_OF_SERVING)
        raise ConfigurationError(f"serving is {parameters['serving']!r}; write {names} under it")
    serving: dict[str, Any] = parameters["serving"]
    if serving.get("level") is False:  # as YAML reads off without quotation marks
        serving = serving | {"level": "off"}
    settings = check_settings(
        {
            "project": str(context.project_path),
            "model": chosen_model(context),
            "tracking": context.config_loader["globals"]["tracking"],
            "rollout": parameters["rollout"],
            "alerting": alerting,
            "release_command": f"kedro run{same_choice(env, _choose_model(params))}",
            **serving,
            **_choose_level(serving | given, parameters),
            **given,
        }
    )
    if settings.clock and parameters["sources"].get(parameters["source"]) is not None:
        raise ConfigurationError(
            f"source {parameters['source']} has real rides, and serving.clock is a simulated clock; it is for models "
            "of the simulated city alone (source=simulated)"
        )
    return settings


def _choose_level(serving: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Return how the live level is computed; nothing where it is off.

    Raises:
        ConfigurationError: A value is missing or cannot be used.
    """
    if serving.get("level", "off") != "live":
        return {}
    from ride_duration.live_level import parse_level

    parse_level(parameters.get("level"))
    rules = {"level_rules": parameters["level"]}
    return rules | {name: parameters[name] for name in ("label_delay_hours",) if name in parameters}


def _choose_model(params: dict[str, Any]) -> dict[str, Any]:
    """Return those of the parameters that choose the model, and not the service's settings."""
    return {name: value for name, value in params.items() if not isinstance(value, dict)}


def write_settings(file: Path, settings: ServiceSettings) -> None:
    """Write the file that the service reads, for its owner alone.

    Raises:
        RideDurationError: It cannot be written.
    """
    import msgspec

    try:
        with lock_folder(file.parent):  # addresses of databases have passwords
            write_private(file, msgspec.json.format(msgspec.json.encode(settings)) + b"\n")
    except OSError as error:
        raise RideDurationError(f"{file.parent} cannot be used: {error.strerror}") from error
