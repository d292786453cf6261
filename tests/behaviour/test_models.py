"""`kedro models`: which version answers, and who decided so."""

import json
import shutil
from datetime import datetime
from pathlib import Path

import mlflow
import pytest

from ride_duration.registry import Registry, model_name
from ride_duration.store import ActualRecord
from ride_duration.store.database import migrate, open_writing_engine
from ride_duration.store.rollouts import Rollouts
from ride_duration.store.writer.insertion import Insertion
from tests.conftest import Ended, Project
from tests.registry.store import SETTINGS, package_folder
from tests.support.store.samples import prediction


class Released(Project):
    """A copy of a finished project: version 1 is champion."""

    def __init__(self, finished: Project, root: Path) -> None:
        shutil.copytree(finished.root, root)
        self.root = root
        self.registry = Registry(root, SETTINGS, model_name("green", "simulated"))

    def models(self, *arguments: str) -> Ended:
        """`kedro models ARGUMENTS`."""
        return self.kedro("models", *arguments)

    def told(self, *arguments: str, group: str = "models") -> str:
        """What it says when all is well."""
        ended = self.kedro(group, *arguments)
        assert ended.code == 0, ended.err
        return ended.out

    def release(self, approval: str) -> int:
        """Register the package of version 1 once more, as another run would its own."""
        [*_, first] = self.registry.versions()
        report = {"passed": True, "verdict": "passed all 3 checks", "champion": self.registry.champion()}
        gate = self.registry.note_gate(report, "<h1>Gate</h1>", first.run_id, "Ana")
        facts = {name: value for name, value in first.tags.items() if name not in ("approval", "gate")}
        uri = mlflow.MlflowClient().get_model_version(self.registry.name, "1").source
        return self.registry.register(uri, first.run_id, gate, approval, facts, self.registry.package(1))

    def rollouts(self) -> Rollouts:
        """Those in the prediction log of a service, whose shadow, version 3, was asked about a ride of 61 minutes."""
        engine = open_writing_engine(f"sqlite:///{self.data('serving/predictions.db')}")
        migrate(engine)
        asked = prediction("shadow", "1", 2000.0, model_version=3, variant="shadow", model=self.registry.name)
        Insertion(engine).insert([asked, ActualRecord("1", "1", 2000.0, 61.0)], lambda record, why: pytest.fail(why))
        engine.dispose()
        return Rollouts(str(engine.url), self.registry.name)


@pytest.fixture
def released(finished: Project, tmp_path: Path) -> Released:
    return Released(finished, tmp_path / "project")


def test_a_run_releases_the_first_champion(released: Released) -> None:
    out = released.told("list")
    assert "Next: `kedro models history`" in out
    [row] = [line for line in out.splitlines() if line.startswith("1 ")]
    for words in ("champion", "xgboost", "2021-01, 2021-02", "(simulated)"):
        assert words in row
    [version] = json.loads(released.told("list", "--json"))
    metrics = json.loads(released.data("08_reporting/metrics.json").read_text())["val"]
    assert version["rmse"] == metrics["rmse"]
    assert version["rmse_without_distance"] == metrics["rmse_without_distance"]
    assert version["simulated"] is True
    assert version["run_id"].startswith(row.split()[-1])
    [tenure] = json.loads(released.told("history", "--json"))
    assert (tenure["version"], tenure["until"], tenure["gate"]) == (1, None, version["gate"])
    assert datetime.fromisoformat(tenure["since"]).utcoffset().total_seconds() == 0
    assert "gate passed all 13 checks" in released.told("history")


def test_promote_and_roll_back(released: Released) -> None:
    assert released.release("auto") == 2
    out = released.told("promote", "2", "--by", "Ana [red]", "--why", "better on snow days")
    assert "Version 2 is champion now, after version 1." in out
    assert "`kedro models rollback` undoes this" in out
    assert "rollout" not in out
    assert not released.data("serving").exists()
    assert "Version 1 is champion again, in place of version 2." in released.told("rollback", "--why", "too long")
    history = json.loads(released.told("history", "--json"))
    assert [tenure["version"] for tenure in history] == [1, 2, 1]
    assert [tenure["decision"] for tenure in history] == ["promotion", "promotion", "rollback"]
    assert (history[1]["by"], history[1]["why"], history[2]["why"]) == ("Ana [red]", "better on snow days", "too long")
    assert history[2]["by"]
    assert history[0]["until"] == history[1]["since"]
    assert "Ana [red]" in released.told("history")
    ended = released.models("rollback")
    assert ended.code == 1
    assert "there is no earlier champion to go back to" in ended.err


def test_what_awaits_approval_is_approved_or_rejected(released: Released) -> None:
    assert [released.release("manual"), released.release("manual")] == [2, 3]
    out = released.told("list", "--env", "test")
    assert out.count("awaiting approval") == 2
    assert 'Next: `kedro models approve 3 --by NAME --why "..." --env test`, or `reject`.' in out
    assert "`kedro rollout start 3 --by NAME" in out
    rollouts = released.rollouts()
    rollouts.begin(2, 1, 0.0, 1000.0, "Ana", "trained on March")
    out = released.told("reject", "2", "--by", "Ana", "--why", "the Bronx is too short")
    assert "Version 2 is rejected; version 1 stays champion." in out
    assert "The rollout of version 2 ends by this." in out
    noted = rollouts.last().history[-1]
    assert (noted.status, noted.by, noted.why) == ("stopped", "Ana", "version 2 is rejected: the Bronx is too short")
    rollouts.begin(3, 1, 0.0, 1000.0, "Ana", "trained on March")
    out = released.told("status", group="rollout")
    [row] = [line for line in out.splitlines() if line.startswith("out of range (1 to 60 minutes)")]
    assert row.split()[-1] == "1"
    assert json.loads(released.told("status", "--json", group="rollout"))["evidence"]["out_of_range"] == 1
    out = released.told("approve", "3", "--by", "Ben", "--why", "fair on every borough")
    assert "Version 3 is champion now, after version 1." in out
    assert "The rollout of version 3 ends by this." in out
    rollouts.close()
    statuses = [version["status"] for version in json.loads(released.told("list", "--json"))]
    assert statuses == ["champion", "rejected", "former champion"]


NAMED = ("--by", "Ana", "--why", "because")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("promote", "two"), "'two' is no version; versions are counted 1, 2, 3"),
        (("promote", "0"), "'0' is no version"),
        (("approve", "-1", *NAMED), "'-1' is no version"),
        (("reject", "1.5", *NAMED), "'1.5' is no version"),
        (("promote", "7"), "there is no version 7 of ride-duration-green-simulated; there are: 1"),
        (("promote", "1"), "version 1 is the champion already"),
        (("approve", "1", *NAMED), "version 1 cannot be approved: its status is champion"),
        (("reject", "1", "--by", " ", "--why", "x"), "--by is blank"),
        (("rollback", "--why", ""), "--why is blank"),
        (("list", "--params=source=moon"), "unknown source 'moon'; choose one of simulated, tlc"),
        (("list", "--params=sorce=tlc"), "unknown parameter 'sorce'; did you mean 'source'?"),
        (("history", "--params=taxi_type=yellow"), "the source 'simulated' makes green months only"),
        (("rollback", "--env", "moon"), "unknown environment 'moon'"),
    ],
)
def test_a_mistake_gets_one_message(released_once: Released, arguments: tuple[str, ...], message: str) -> None:
    ended = released_once.models(*arguments)
    assert ended.code == 1
    assert message in ended.err
    assert ended.err.count("Error:") == 1
    assert "Traceback" not in ended.err


@pytest.fixture(scope="module")
def released_once(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Released:
    """Only for commands that change nothing."""
    return Released(finished, tmp_path_factory.mktemp("released") / "project")


@pytest.mark.parametrize("missing", ["--by", "--why"])
def test_approval_needs_a_name_and_a_reason(released_once: Released, missing: str) -> None:
    at = NAMED.index(missing)
    ended = released_once.models("approve", "1", *NAMED[:at], *NAMED[at + 2 :])
    assert ended.code != 0
    assert f"Missing option '{missing}'" in ended.err


def test_another_model_has_a_registry_of_its_own(released_once: Released) -> None:
    for choice in (("--params=source=tlc,taxi_type=yellow",), ("--env", "tlc", "--params", "service=yellow")):
        out = released_once.told("list", *choice)
        assert "There is no version of ride-duration-yellow-tlc yet." in out
        typed = " ".join(choice).replace("--params ", "--params=").replace("service=", "taxi_type=")
        assert f"`kedro run {typed}` releases the first" in out
        assert "has been champion yet" in released_once.told("history", *choice)
        assert json.loads(released_once.told("list", "--json", *choice)) == []


def test_before_the_first_run_it_says_what_to_type(project: Project) -> None:
    ended = project.kedro("models", "list")
    assert ended.code == 0, ended.err
    assert "Next: `kedro run` releases the first." in ended.out


def test_a_damaged_predecessor_is_named_and_the_champion_stays(released: Released) -> None:
    released.release("auto")
    released.told("promote", "2")
    lower = package_folder(released.registry, 1) / "lower.onnx"
    lower.write_bytes(lower.read_bytes()[:-1])
    ended = released.models("rollback")
    assert ended.code == 1
    assert "lower.onnx is not what was packaged" in ended.err
    assert "version 2 stays champion" in ended.err
    assert released.registry.champion() == 2


@pytest.mark.parametrize("command", ["list", "history", "promote", "rollback", "approve", "reject"])
def test_help_shows_an_example(released_once: Released, command: str) -> None:
    out = released_once.told(command, "--help")
    assert f"kedro models {command}" in out.partition("Examples:")[2]
    assert "--params" in out
