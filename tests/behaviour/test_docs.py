"""The documentation: commands exist and take their options, links lead somewhere; the tier `docs` runs blocks."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ride_duration.playback.service_process import find_free_port
from tests.conftest import REPOSITORY, Project

PAGES = [
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    REPOSITORY / "deploy/README.md",
]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
#: A block that begins with this line is run in a project of small simulated months.
RUN = "# run\n"


def names(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def commands_of(page: Path) -> Iterator[list[str]]:
    """Find the lines of a page's blocks, and its code within sentences, that begin with a command of the project."""
    text = page.read_text()
    lines = [line for block in BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    for code in [*lines, *re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))]:
        words = shlex.split(code, comments=True) if code.count('"') % 2 == 0 and "'" not in code else []
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):  # variables of the environment
            words = words[1:]
        if len(words) > 1 and words[0] in ("kedro", "make") and "…" not in code and not {"|", "\\|"} & {*words}:
            yield words


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_command_of_a_page_exists_and_takes_its_options(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kedro.framework.cli.cli import KedroCLI

    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    monkeypatch.chdir(REPOSITORY)
    kedro = KedroCLI(project_path=REPOSITORY)
    for program, *arguments in commands_of(page):
        words = arguments
        if program == "make":
            assert words[0] in targets, f"make {words[0]}"
            continue
        command: click.Command = kedro
        context = click.Context(kedro, info_name="kedro")
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            found = command.get_command(context, words[0])
            assert found is not None, f"there is no `{context.command_path} {words[0]}`"
            command, context = found, click.Context(found, parent=context, info_name=words[0])
            words = words[1:]
        known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
        given = {word.partition("=")[0] for word in words if word.startswith("-")}
        assert given <= known, f"`{context.command_path}` does not take {given - known}"


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    text = page.read_text()
    links = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'src="([^"]+)"', text)]
    local = [link.partition("#")[0] for link in links if not link.startswith(("http", "mailto"))]
    assert [link for link in local if link and not (page.parent / link).exists()] == []


def test_every_decision_record_is_in_the_index_and_has_status_and_date() -> None:
    folder = REPOSITORY / "docs/decisions"
    records = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    index = (folder / "README.md").read_text()
    for record in records:
        title = record.read_text().partition("\n")[0].removeprefix("# ")
        assert f"[{title}]({record.name})" in index
        assert re.search(r"Status\b.*\n*.*Date\b", record.read_text()[:600], re.DOTALL), record.name


def in_shell(block: str, folder: Path, **environment: str) -> str:
    """Run a block of the documentation as a user would, and return what it printed; a command that fails ends it."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=folder, env=os.environ | {"PATH": path} | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, f"{block}\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
    return ended.stdout


@pytest.mark.docs
def test_blocks_that_are_marked_to_be_run_end_well(finished: Project, tmp_path: Path) -> None:
    project = Project.copy_of(finished, tmp_path / "project")
    blocks = [block for page in PAGES for block in BLOCK.findall(page.read_text()) if block.startswith(RUN)]
    assert len(blocks) >= 3
    for block in blocks:
        in_shell(block, project.root, KEDRO_ENV="test")


@pytest.mark.docs
@pytest.mark.needs("curl")
def test_requests_of_the_page_about_the_service_are_answered(finished: Project, tmp_path: Path) -> None:
    project = Project.copy_of(finished, tmp_path / "project")
    port = find_free_port()
    service = project.start("kedro", "service", "start", "--env", "test", "--port", str(port))
    try:
        until_ready = f"until curl -fsS localhost:{port}/ready; do kill -0 {service.pid}; sleep 0.1; done"
        in_shell(until_ready, project.root)
        blocks = [block for block in BLOCK.findall((REPOSITORY / "docs/service.md").read_text()) if "curl" in block]
        assert len(blocks) >= 4
        for block in blocks:
            if "Bearer" in block:  # needs the key that its first line prints
                continue
            said = in_shell(
                block.replace("localhost:9696", f"localhost:{port}").replace("curl ", "curl -fsS "), project.root
            )
            assert said.startswith("{")
    finally:
        service.terminate()
        service.communicate(timeout=60)
