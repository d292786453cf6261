"""`python -m ride_duration` runs the project as `kedro run` does, from anywhere inside it."""

import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> None:
    """Run the command line of the project."""
    if find_spec("kedro") is None:
        sys.exit("Kedro runs the pipelines; `pip install 'ride_duration[training]'` brings it")
    from kedro.framework.startup import bootstrap_project
    from kedro.utils import find_kedro_project

    project = find_kedro_project(Path.cwd())
    if project is None:
        sys.exit(f"{Path.cwd()} is not inside the project; change to the folder of its pyproject.toml")
    bootstrap_project(project)
    from ride_duration.cli import run

    run()


if __name__ == "__main__":
    main()
