"""Requests made up from the service's own OpenAPI document, and every check that schemathesis has."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.support.serving.service import Running

#: A body that is too large is refused by 413 whatever is in it; all else stays as schemathesis has it.
CONFIG = """
hooks = "tests.support.serving.fuzz_hooks"

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]
"""


def fuzz(running: Running, folder: Path, examples: int, *options: str, seed: int = 1) -> int:
    """Ask so many made-up requests of each operation in each phase; how many it were in all.

    Raises:
        AssertionError: An answer was not as the document says; tells which.
    """
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    command += [f"{running.url}/openapi.json", "--checks=all", f"--max-examples={examples}", f"--seed={seed}"]
    command += ["--no-color", "--continue-on-failure", "--generation-database=none", "--warnings=off", *options]
    paths = f"{REPOSITORY}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    found = re.search(r"(\d+) generated, \1 passed", done.stdout)
    assert found, done.stdout[-8000:]
    return int(found[1])
