"""`ride-duration`: runs the pipelines as `kedro run` does, or starts the service without Kedro."""

import sys
from importlib.util import find_spec
from pathlib import Path

import ride_duration.interrupts  # noqa: F401

_HELP = """Usage: ride-duration [OPTIONS]
       ride-duration service start (--package DIR | --settings FILE)

Without `service`, run the pipelines of the project around the current folder, with the options of `kedro run`.
`ride-duration service start` serves predictions; it needs no project and no Kedro.

Examples:
  ride-duration --params=model=lightgbm
  ride-duration service start --package model_package
  ride-duration service start --help
"""
_HELP_OPTIONS = {"-h", "--help"}


def main() -> None:
    """Run the command line of the project, or start the service."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["service"]:
        sys.exit(_run_service_command(arguments[1:]))
    if find_spec("kedro") is None:
        if _HELP_OPTIONS.intersection(arguments):
            sys.stdout.write(_HELP)
            return
        sys.exit(
            "Kedro runs the pipelines; `pip install 'ride_duration[training]'` brings it. Without it, "
            "`ride-duration service start --package DIR` serves a model package"
        )
    from kedro.framework.startup import bootstrap_project
    from kedro.utils import find_kedro_project

    project = find_kedro_project(Path.cwd())
    if project is None:
        if _HELP_OPTIONS.intersection(arguments):
            sys.stdout.write(_HELP)
            return
        sys.exit(f"{Path.cwd()} is not inside the project; change to the folder of its pyproject.toml")
    bootstrap_project(project)
    from ride_duration.cli import run

    run()


def _run_service_command(arguments: list[str]) -> int:
    if not arguments or arguments[0] in _HELP_OPTIONS:
        sys.stdout.write(_HELP)
        return 0
    if arguments[0] != "start":
        sys.stderr.write(f"Error: 'ride-duration service {arguments[0]}' does not exist; there is 'service start'\n")
        return 2
    if find_spec("msgspec") is None or find_spec("uvicorn") is None:
        if _HELP_OPTIONS.intersection(arguments):
            sys.stdout.write(_HELP)
            return 0
        sys.stderr.write("Error: the web service is not installed; `pip install 'ride_duration[serving]'` brings it\n")
        return 1
    from ride_duration.serving.__main__ import main as start

    return start(arguments[1:], "ride-duration service start")


if __name__ == "__main__":
    main()
