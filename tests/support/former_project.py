"""A project as the release at commit d3a5b5d left it; `former_project.sh` says what is in it, and makes the archive."""

import tarfile
from pathlib import Path
from typing import Any

from tests.conftest import Project

ARCHIVE = Path(__file__).with_name("former_project.tar.xz")


def open_former_project(root: Path) -> Project:
    """Unpack it, with the code and the configuration of today, as after `git pull`."""
    project = Project(root)
    # Python before 3.11.4, as in Debian 12, has no filters.
    safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(root.parent / "unpacked", **safely)
    unpacked = root.parent / "unpacked" / "project"
    project.data("").rmdir()
    (unpacked / "data").rename(root / "data")
    (root / "conf" / "local").mkdir(exist_ok=True)
    (unpacked / "conf" / "local" / "api_keys.json").rename(root / "conf" / "local" / "api_keys.json")
    return project
