"""What the lock files say is what is installed, however many newer releases there are by then."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.conftest import REPOSITORY

#: Each lock file, and the command that installs it: from the Makefile, or from the README.
COMMANDS = {
    "requirements.lock": "Makefile",
    "requirements-dev.lock": "Makefile",
    "requirements-serving.lock": "docs/service.md",
}


def read_lock(lock: str) -> list[Requirement]:
    """What a lock file demands on this platform."""
    lines = [line.rstrip("\\ ") for line in (REPOSITORY / lock).read_text().splitlines() if line and line[0] != " "]
    demanded = [Requirement(line) for line in lines]
    return [each for each in demanded if each.marker is None or each.marker.evaluate()]


def pinned_version(requirement: Requirement) -> str:
    """The version that `name==version` names."""
    [specifier] = requirement.specifier
    assert specifier.operator == "==", requirement
    return specifier.version


def write_wheel(folder: Path, name: str, version: str, demands: list[str], extras: list[str]) -> str:
    """Write an empty wheel with these dependencies into an index; return its hash as lock files write it."""
    label = f"{re.sub('[-_.]+', '_', name)}-{version}"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Provides-Extra: {extra}" for extra in extras] + [f"Requires-Dist: {demand}" for demand in demands]
    files = {
        f"{label}.dist-info/METADATA": "\n".join(metadata) + "\n",
        f"{label}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},"
        for path, text in files.items()
    ]
    files[f"{label}.dist-info/RECORD"] = "\n".join([*record, f"{label}.dist-info/RECORD,,"]) + "\n"
    project = folder / re.sub("[-_.]+", "-", name).lower()
    project.mkdir(exist_ok=True)
    wheel = project / f"{label}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    links = (f'<a href="{each.name}">{each.name}</a>' for each in project.glob("*.whl"))
    (project / "index.html").write_text(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>")
    return f"sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"


def write_index(folder: Path) -> None:
    """Fill a folder with what all lock files demand and with a newer release of each; write locks of these."""
    index = folder / "index"
    index.mkdir()
    hashes: dict[str, str] = {}
    for lock in COMMANDS:
        lines = []
        for requirement in read_lock(lock):
            name, version = requirement.name, pinned_version(requirement)
            if name not in hashes:
                try:
                    metadata = distribution(name).metadata
                except PackageNotFoundError:  # for another interpreter than this one
                    continue
                demands = metadata.get_all("Requires-Dist") or []
                extras = metadata.get_all("Provides-Extra") or []
                hashes[name] = write_wheel(index, name, version, demands, extras)
                write_wheel(index, name, f"{int(version.split('.')[0]) + 1}.0", demands, extras)
            extras_asked = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
            lines.append(f"{name}{extras_asked}=={version} --hash={hashes[name]}")
        assert len(lines) > 20
        (folder / lock).write_text("\n".join(lines) + "\n")


def install_command(lock: str) -> str:
    """The command line that installs a lock file, as the Makefile or the documentation has it."""
    if COMMANDS[lock] == "Makefile":
        dry_run = ["make", "--dry-run", "--always-make", ".venv/installed-dev"]
        text = subprocess.run(dry_run, cwd=REPOSITORY, text=True, capture_output=True, check=True).stdout
    else:
        text = (REPOSITORY / COMMANDS[lock]).read_text().replace("pip install", ".venv/bin/python -m pip install")
    [command] = re.findall(rf"^\S*python -m pip install .*-r {re.escape(lock)}(?= &&|$)", text, re.MULTILINE)
    return command


@pytest.fixture(scope="module")
def newer_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index, lock files and an environment with the pip that comes with this Python."""
    folder = tmp_path_factory.mktemp("fresh")
    write_index(folder)
    subprocess.run([sys.executable, "-m", "venv", str(folder / ".venv")], check=True)
    return folder


@pytest.mark.parametrize("lock", COMMANDS)
def test_lock_is_installed_though_newer_releases_exist(newer_index: Path, lock: str) -> None:
    index = (newer_index / "index").as_uri()
    settings = {"PIP_INDEX_URL": index, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
    settings |= {"PIP_DRY_RUN": "1", "PIP_REPORT": f"{lock}.json"}
    ended = subprocess.run(
        ["bash", "-c", install_command(lock)],
        cwd=newer_index,
        env={name: value for name, value in os.environ.items() if not name.startswith("PIP_")} | settings,
        text=True,
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    report = json.loads((newer_index / f"{lock}.json").read_text())
    chosen = {(item["metadata"]["name"], item["metadata"]["version"]) for item in report["install"]}
    demanded = [line.split(" --hash")[0] for line in (newer_index / lock).read_text().splitlines()]
    assert chosen == {(Requirement(line).name, pinned_version(Requirement(line))) for line in demanded}


def test_locks_are_complete() -> None:
    ended = subprocess.run([sys.executable, "-m", "pip", "check"], text=True, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("lock", COMMANDS)
def test_lock_holds_whatever_its_packages_demand(lock: str) -> None:
    """As pip does not look for dependencies, each must stand in the lock file, with the extras that are asked for."""
    demanded = {each.name.lower().replace("_", "-"): each for each in read_lock(lock)}
    missing = []
    for requirement in demanded.values():
        for text in distribution(requirement.name).requires or []:
            needed = Requirement(text)
            wanted = [{"extra": extra} for extra in requirement.extras] or [{"extra": ""}]
            if needed.marker is not None and not any(needed.marker.evaluate(each) for each in wanted):
                continue
            found = demanded.get(needed.name.lower().replace("_", "-").replace(".", "-"))
            if found is None or not needed.extras <= found.extras:
                missing.append(f"{requirement.name} needs {text}")
    assert missing == []
