"""`python -m ride_duration.serving SETTINGS.json` starts the service; `kedro models serve` writes the settings."""

import logging
import sys
from pathlib import Path

from ride_duration.errors import RideDurationError
from ride_duration.serving.settings import read_settings


def main(arguments: list[str]) -> int:
    """Start the service; ends with 0 after a signal, with 1 if it cannot start."""
    if len(arguments) != 1 or arguments[0] in ("-h", "--help"):
        sys.stdout.write(f"{__doc__}\n\nExample:\n  python -m ride_duration.serving data/serving/9696.json\n")
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    for chatty in ("alembic", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        settings = read_settings(Path(arguments[0]))
        from ride_duration.serving.server import serve

        serve(settings)
    except RideDurationError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    except KeyboardInterrupt:  # before there was anything to drain
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
