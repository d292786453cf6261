"""Run by itself, inside the project of an isolated run: print which code would run there, and where it would write."""

import json
import sys
from pathlib import Path
from typing import cast

from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project


def main(environment: str | None) -> None:
    """Print, as JSON, the file of the package, the names of its pipelines, and the paths in its catalog."""
    bootstrap_project(Path.cwd())
    import ride_duration

    with KedroSession.create(env=environment) as session:
        catalog = cast("KedroSession", session).load_context().config_loader["catalog"]
    entries = {name: entry.get("filepath") or entry.get("path") for name, entry in catalog.items()}
    paths = {name: path for name, path in entries.items() if path}
    print(json.dumps({"code": ride_duration.__file__, "pipelines": sorted(pipelines), "paths": paths}))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
