"""Parameters of an environment reach the whole catalog, with `--params` and without."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from ride_duration.config_loader import ConfigLoader
from ride_duration.errors import ConfigurationError, RideDurationError
from ride_duration.runs.isolated import compose_project
from ride_duration.settings import CONFIG_LOADER_ARGS
from tests.conftest import REPOSITORY, Project


def loader(env: str | None, **params: Any) -> ConfigLoader:
    """The loader as Kedro makes it for a run."""
    return ConfigLoader(str(REPOSITORY / "conf"), env=env, runtime_params=params, **CONFIG_LOADER_ARGS)


@pytest.mark.parametrize(
    ("env", "params", "source"),
    [
        ("tlc", {}, "tlc"),
        ("tlc", {"model": "mean"}, "tlc"),
        ("test", {}, "simulated"),
        ("test", {"source": "tlc"}, "tlc"),
        ("tlc", {"source": "simulated"}, "simulated"),
    ],
)
@pytest.mark.parametrize("first", ["parameters", "catalog"])
def test_the_source_of_the_environment_is_the_one_that_is_read(
    env: str, params: dict[str, Any], source: str, first: str
) -> None:
    conf = loader(env, **params)
    conf[first]
    assert conf["parameters"]["source"] == source
    assert conf["parameters"]["raw_months"]["source"] == source
    assert conf["catalog"]["raw_trips@files"]["path"] == f"data/01_raw/{source}"
    assert conf["catalog"]["champion_package"]["source"] == source


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"- model: mean\n", "holds a list; write `name: value` lines"),
        (b"5\n", "holds a single value; write `name: value` lines"),
        (b"model: mean\ntrials: 3\nmodel: ridge\n", "line 3, column 1, is not valid YAML: found duplicate key model"),
        (b"model: mean\ntrials: \xff\xfe\n", "line 2, is not text in UTF-8; save the file as UTF-8"),
        (b"model: [mean\ntrials: 3\n", "line 2, column 7, is not valid YAML: did not find expected ',' or ']'"),
        (b"model: mean\n\ttrials: 3\n", "line 2, column 1, is not valid YAML: found a tab"),
        (b"model: \x01\n", "is not valid YAML: unacceptable character"),
    ],
)
@pytest.mark.parametrize("name", ["parameters.yml", "globals.yml", "catalog.yml"])
def test_a_file_that_cannot_be_read_is_named_with_the_place(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    for env in ("base", "local"):
        (tmp_path / env).mkdir()
    (tmp_path / "base/parameters.yml").write_text("model: ridge\ntrials: 1\n")
    file = tmp_path / "local" / name
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        ConfigLoader(str(tmp_path), **CONFIG_LOADER_ARGS)[name.removesuffix(".yml")]
    assert str(file) in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize(("env", "folder"), [("tlc", "tlc"), ("test", "test"), ("base", "base"), (None, "local")])
def test_what_tuning_finds_is_kept_with_the_environment(env: str | None, folder: str) -> None:
    conf = loader(env, model="ridge")
    assert conf["catalog"]["tuned_model"]["filepath"] == f"conf/{folder}/parameters_tuned_ridge.yml"
    assert conf["parameters"]["environment"] == folder


def test_production_takes_addresses_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    store, registry = "postgresql+psycopg://taxi:secret@db/log", "https://mlflow.example"
    monkeypatch.setenv("RIDE_DURATION_STORE", store)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry)
    conf = loader("production")
    assert conf["globals"]["tracking"] == {"uri": registry, "artifacts": "data/mlflow/artifacts"}
    assert conf["parameters"]["source"] == "tlc"
    serving = conf["parameters"]["serving"]
    assert (serving["store"], serving["require_keys"], serving["behind_proxy"]) == (store, True, True)
    assert serving["durability"] == "journal"


def test_an_address_that_the_environment_lacks_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example")
    monkeypatch.delenv("RIDE_DURATION_STORE", raising=False)
    ended = project.kedro("service", "start", "--env", "production")
    assert ended.code == 1
    assert "the environment variable RIDE_DURATION_STORE is not set" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"model": "${parameter:seed}"}, ["'model'", "${parameter:seed}", "write the value itself"]),
        ({"baselines": ["mean", "${globals:source}"]}, ["'baselines'", "${globals:source}"]),
        ({"models": {"ridge": {"hyper_parameters": {"alpha": "${cores:}"}}}}, ["models.ridge.hyper_parameters.alpha"]),
        ({"gate": 3}, ["'gate' is a group", "gate."]),
        ({"models": {"xgboost": 5}}, ["'models.xgboost' is a group"]),
        ({"model": {"a": 1}}, ["'model' is a single value", "'a'"]),
        ({"sead": 1}, ["unknown parameter 'sead'", "did you mean 'seed'"]),
    ],
)
def test_what_no_parameter_can_be_is_refused_where_it_is_read(params: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(RideDurationError) as raised:
        loader("test", **params)["parameters"]
    for word in words:
        assert word in str(raised.value)


def test_a_part_of_a_model_may_be_taken_away() -> None:
    given = {"models": {"xgboost": {"early_stopping": None, "monotone": None}}}
    assert loader("test", **given)["parameters"]["training"]["models"]["xgboost"]["early_stopping"] is None


def test_two_environments_in_one_process_do_not_mix() -> None:
    real, simulated = loader("tlc"), loader("test")
    assert simulated["parameters"]["source"] == "simulated"
    assert loader("tlc")["parameters"]["source"] == "tlc"
    assert real.env == "tlc"


def test_packaging_is_given_what_training_is() -> None:
    parameters = loader("test")["parameters"]
    of_the_release = {name: parameters[name] for name in ("intervals", "expected_errors")}
    assert parameters["packaging"] == parameters["training"] | of_the_release


def test_the_former_name_of_the_type_of_taxi_still_works_with_a_note(caplog: pytest.LogCaptureFixture) -> None:
    conf = loader("tlc", service="yellow")
    assert conf["parameters"]["taxi_type"] == "yellow"
    assert conf["parameters"]["experiment"]["taxi_type"] == "yellow"
    assert "service" not in conf["parameters"]
    assert "'service' is called 'taxi_type' now; the former name is deprecated" in caplog.text


def test_the_former_name_in_a_file_of_a_user_still_works(project: Project) -> None:
    (project.root / "conf/local/parameters.yml").write_text("service: yellow\n")

    def read(**params: Any) -> Any:
        return ConfigLoader(str(project.root / "conf"), runtime_params=params, **CONFIG_LOADER_ARGS)["parameters"]

    assert read()["taxi_type"] == "yellow"
    assert read(taxi_type="fhv")["taxi_type"] == "fhv"


def test_both_names_of_one_parameter_are_refused() -> None:
    with pytest.raises(RideDurationError, match="'service' and 'taxi_type', which are the same"):
        loader("test", service="green", taxi_type="green")


def test_a_release_is_given_the_settings_of_the_expected_errors() -> None:
    parameters = loader(None)["parameters"]
    assert parameters["packaging"]["expected_errors"] == parameters["expected_errors"]
    assert parameters["expected_errors"]["share"] > 0


def test_parameters_without_groups_are_the_same_but_for_those() -> None:
    made = loader("tlc", model="mean")
    values = made.read_values()
    assert values["model"] == "mean"
    assert made["parameters"].items() >= values.items()
    assert "packaging" not in values


def test_a_parameter_that_a_former_run_did_not_have_has_its_default_in_the_catalog(tmp_path: Path) -> None:
    compose_project(tmp_path / "former", REPOSITORY, tmp_path / "none", "test", {"source": "tlc"}, {"uri": "x"})
    made = ConfigLoader(str(tmp_path / "former/conf"), "test", None, **CONFIG_LOADER_ARGS)
    made.read_values()
    text = "a: ${parameter:leave_out_incident_days,false}\nb: ${parameter:source,other}"
    assert OmegaConf.to_container(OmegaConf.create(text), resolve=True) == {"a": False, "b": "tlc"}
