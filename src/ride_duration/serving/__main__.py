"""Starts the service: with settings from a file, or for one model package without Kedro or a registry."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import ride_duration.interrupts  # noqa: F401
from ride_duration.errors import ConfigurationError, RideDurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ride_duration.serving.settings import ServiceSettings

_DESCRIPTION = """Serve predictions of ride durations: a page for people at /, and POST /predict for programs.
In a project, `kedro service start` does the same with the settings and the champion of the project."""

_EXAMPLES = """Examples:
  ride-duration service start --package model_package
  ride-duration service start --package /srv/model_package --port 8000 --folder /var/lib/ride_duration
  ride-duration service start --settings data/serving/9696/settings.json
  curl localhost:9696/predict -d '{"PULocationID": 10, "DOLocationID": 50, "trip_distance": 4}'
"""


def main(arguments: Sequence[str], program: str = "python -m ride_duration.serving") -> int:
    """Start the service.

    Args:
        arguments: Of the command line.
        program: How the command was called, for its help.

    Returns:
        0 after a signal to stop, 1 if the service cannot start; arguments that cannot be used end the program with 2.
    """
    parsed = _make_parser(program).parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    for chatty in ("alembic", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        settings = _read_settings(parsed)
        if parsed.with_parent:
            _end_with_parent()
        from ride_duration.serving.server import serve

        serve(settings)
    except RideDurationError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    except KeyboardInterrupt:  # before there was anything to drain
        return 0
    return 0


def _end_with_parent() -> None:
    """Stop as by SIGTERM as soon as the program is gone that holds the other end of standard input."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _make_parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        usage=f"{program} (--package DIR [--host HOST] [--port PORT] [--folder DIR] | --settings FILE)",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--package", metavar="DIR", type=Path, help="Folder of the model package to serve.")
    source.add_argument("--settings", metavar="FILE", type=Path, help="JSON file with all settings.")
    parser.add_argument("--host", help="Address to listen on, with --package; default: 127.0.0.1.")
    parser.add_argument("--port", type=int, help="Port to listen on, with --package; default: 9696.")
    parser.add_argument(
        "--folder", metavar="DIR", type=Path, help="For the prediction log and API keys, with --package; default: here."
    )
    parser.add_argument(
        "--with-parent", action="store_true", help="Stop when standard input ends: with the program that started it."
    )
    return parser


def _read_settings(parsed: argparse.Namespace) -> ServiceSettings:
    from ride_duration.serving.control.package_reader import NAME
    from ride_duration.serving.settings import check_settings, read_settings

    own = {name: getattr(parsed, name) for name in ("host", "port") if getattr(parsed, name) is not None}
    if parsed.settings is not None:
        if own or parsed.folder is not None:
            raise ConfigurationError("--host, --port and --folder go with --package; the file has settings of its own")
        return read_settings(parsed.settings)
    package = parsed.package.resolve()
    if not package.is_dir():
        raise ConfigurationError(f"--package: there is no folder {package}")
    folder = (parsed.folder or Path()).resolve()
    return check_settings({"project": str(folder), "model": NAME, "package": str(package), **own})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
