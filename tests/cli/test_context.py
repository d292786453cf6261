"""`--params` as the commands read it."""

from typing import Any

import click
import pytest

from ride_duration.cli.context import split_params
from ride_duration.cli.run import run

[PARAMS] = [option for option in run.params if option.name == "params"]


def read(text: str) -> dict[str, Any]:
    """What `kedro run --params=TEXT` takes from the text."""
    assert PARAMS.callback is split_params
    return split_params(click.Context(run), PARAMS, text)


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("", {}),
        ("model=ridge, train_data = 2021-01..2021-02", {"model": "ridge", "train_data": "2021-01..2021-02"}),
        ("models.ridge.hyper_parameters.alpha=3", {"models": {"ridge": {"hyper_parameters": {"alpha": 3}}}}),
    ],
)
def test_parameters_are_read_as_kedro_reads_them(text: str, params: dict[str, Any]) -> None:
    assert read(text) == params


def test_parameters_of_a_configuration_file_are_taken_as_they_are() -> None:
    assert split_params(click.Context(run), PARAMS, {"model": "ridge"}) == {"model": "ridge"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train_data=2021-01,2021-02", ["'2021-02' is not name=value", "train_data=2021-01+2021-02"]),
        ("model", ["'model' is not name=value"]),
        ("=ridge", ["'=ridge' is not name=value"]),
        ("train_data=2021-01,train_data=2021-02", ["'train_data' twice", "by +"]),
        ("seed=1,model={", ["'model={' cannot be read"]),
        ("model=!!python/object:os.system", ["cannot be read"]),
        ("model=${parameter:seed}", ["parameter 'model'", "${...}", "write the value itself"]),
        ("model=${", ["parameter 'model'", "${...}"]),
        ("models.xgboost.hyper_parameters.max_leaves=${cores:}", ["max_leaves'", "${...}"]),
        ("train_data=${globals:source}", ["parameter 'train_data'", "${...}"]),
    ],
)
def test_a_mistake_gets_one_message_that_names_the_part(text: str, words: list[str]) -> None:
    with pytest.raises(click.ClickException) as told:
        read(text)
    assert "\n" not in told.value.message
    for word in words:
        assert word in told.value.message
