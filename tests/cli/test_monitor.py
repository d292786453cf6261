"""`kedro monitor`: exit codes and what is shown are of the store and the model that `--params` choose."""

from __future__ import annotations

import json

import pytest

from ride_duration.cli.run import run
from tests.conftest import Project
from tests.support.alerting.samples import MODEL
from tests.support.verdicts import write_verdict

OTHER = "--params=serving.store=sqlite:///data/other.db"


@pytest.fixture
def evaluated(project: Project) -> Project:
    """A project whose own store says that all is well, and another store that does not."""
    yellow = MODEL.replace("green", "yellow")
    for store, model, verdict in (
        ("serving/predictions.db", MODEL, "ok"), ("other.db", MODEL, "incident"),
        ("serving/predictions.db", yellow, "retrain"),
    ):  # fmt: skip
        write_verdict(f"sqlite:///{project.data(store)}", model, verdict, details={"verdict": verdict})
    return project


@pytest.mark.parametrize(("params", "code"), [((), 0), ((OTHER,), 4), (("--params=taxi_type=yellow",), 3)])
def test_the_exit_code_is_of_the_verdict_that_params_choose(
    evaluated: Project, monkeypatch: pytest.MonkeyPatch, params: tuple[str, ...], code: int
) -> None:
    given: list[list[str]] = []
    monkeypatch.setattr(run, "main", lambda options, **_: given.append(options))
    ended = evaluated.kedro("monitor", "run", "--window=last_28d", "--exit-code", *params)
    assert ended.code == code, ended.err
    assert ["--pipelines=monitoring" in options for options in given] == [True]
    listed = evaluated.kedro("monitor", "history", "--json", *params)
    verdicts = {0: "ok", 3: "retrain", 4: "incident"}
    assert [one["verdict"] for one in json.loads(listed.out)] == [verdicts[code]]
