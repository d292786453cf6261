"""What no command begins with: a folder that libraries misread, and parameters that are none."""

import pytest

from tests.conftest import Ended, Project


def assert_one_message(ended: Ended, *words: str) -> None:
    """A command has ended with one message, of one line, that holds these words."""
    assert ended.code != 0
    [message] = [line for line in ended.err.splitlines() if line.startswith("Error: ")]
    assert "Traceback" not in ended.err + ended.out
    for word in words:
        assert word in message


@pytest.mark.parametrize("name", ["a%2Fb", "a*[b]", "a?b", "${x}"])
def test_a_folder_that_libraries_misread_is_refused_by_every_command(project: Project, name: str) -> None:
    odd = Project.copy_of(project, project.root.with_name(name))
    before = sorted(odd.root.parent.rglob("*"))
    commands = [["run"], ["runs", "compare"], ["runs", "reproduce", "3d4c"], ["models", "list"], ["service", "start"]]
    for command in [*commands, ["models", "promote", "1"], ["rollout", "compare"], ["service", "keys", "list"]]:
        assert_one_message(odd.kedro(*command), "the project lies in", name, "rename that folder")
    assert sorted(odd.root.parent.rglob("*")) == before


@pytest.mark.parametrize("command", [["run", "--env=test"], ["models", "list"], ["service", "start"]])
def test_a_mistake_in_params_gets_one_message_from_every_command(project: Project, command: list[str]) -> None:
    for params, words in (
        ("train_data=2021-01,2021-02", ["'2021-02' is not name=value", "2021-01+2021-02"]),
        ("model=${parameter:seed}", ["parameter 'model'", "write the value itself"]),
    ):
        assert_one_message(project.kedro(*command, f"--params={params}"), *words)
