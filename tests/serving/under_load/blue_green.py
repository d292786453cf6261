"""`deploy/blue_green.sh`, driven by tests."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ride_duration.playback.service_process import find_free_port
from tests.conftest import REPOSITORY
from tests.serving.under_load.processes import ServiceProcess, environment

SCRIPT = REPOSITORY / "deploy/blue_green.sh"

#: What bash, sed, nginx and addresses of SQLite might take for something else than a part of a folder's name.
ODD_NAME = "ride & duration; $HOME ${x} \"blue\" 'green' \\1 | {b} @FOLDER@ -"


class BlueGreen:
    """The script with a folder and ports of its own, and services that need no Kedro.

    Args:
        project: With the registry.
        model: Name of the registered model.
        folder: Of the script, and of the services.
        given: Other settings of the services.
    """

    def __init__(self, project: Path, model: str, folder: Path, **given: Any) -> None:
        self.folder = folder
        self.port = find_free_port()
        self.store = f"sqlite:///{folder}/predictions.db"
        self.services = {
            colour: ServiceProcess(project, model, folder, instance=colour, behind_proxy=True, **given)
            for colour in ("blue", "green")
        }
        for service in self.services.values():
            service.write_settings()

    def __call__(
        self, *arguments: str, key: str = "", patience: int = 30, listen: str = "127.0.0.1:{port}"
    ) -> subprocess.CompletedProcess[str]:
        """Run it."""
        settings = {
            "RIDE_DURATION_LISTEN": listen.format(port=self.port),
            "RIDE_DURATION_BLUE_PORT": str(self.services["blue"].port),
            "RIDE_DURATION_GREEN_PORT": str(self.services["green"].port),
            "RIDE_DURATION_FOLDER": str(self.folder),
            "RIDE_DURATION_PATIENCE": str(patience),
            "RIDE_DURATION_KEY": key,
        }
        line, env = [str(SCRIPT), *arguments], environment() | settings
        return subprocess.run(line, env=env, capture_output=True, text=True, timeout=120, check=False)

    def command(self, settings: str = "{colour}.json") -> tuple[str, ...]:
        """What it is to start an instance with."""
        return ("--", sys.executable, "-m", "ride_duration.serving", "--settings", f"{self.folder}/{settings}")

    def deploy(self, key: str = "") -> str:
        """A new instance; what the script says."""
        done = self("deploy", *self.command(), key=key)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def process(self, colour: str) -> int:
        """Id of the process of a colour."""
        return int((self.folder / f"{colour}.pid").read_text())


@contextmanager
def blue_green(project: Path, model: str, **given: Any) -> Iterator[BlueGreen]:
    """Everything is stopped in the end. nginx's workers must be allowed to read the folder, which pytest's are not."""
    folder = Path(tempfile.mkdtemp(prefix=ODD_NAME))
    folder.chmod(0o755)
    script = BlueGreen(project, model, folder, **given)
    try:
        yield script
    finally:
        stopped = script("stop")
        assert stopped.returncode == 0, stopped.stderr
        shutil.rmtree(folder)
