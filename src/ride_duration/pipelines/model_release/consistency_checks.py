"""What is released must be of one run: the model, its metrics, and the trips that it is trained on and evaluated on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pandas as pd

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_science.duration_model import DurationModel
from ride_duration.pipelines.data_science.evaluation import describe_run
from ride_duration.pipelines.data_science.interval_model import IntervalModel
from ride_duration.pipelines.data_science.parameters import Experiment, Training

#: Parameters that are called otherwise in files.
_PARAMETERS = {"service": "taxi_type"}

_AGAIN = "give the same --params and --env, or run all of `kedro run`"


def refuse_other_metrics(metrics: dict[str, Any], experiment: Experiment, training: Training) -> None:
    """Refuse the metrics of a model that was asked for with other parameters.

    Raises:
        RideDurationError: They are; names the parameter.
    """
    for name, value in describe_run(experiment, training).items():
        if metrics[name] != value:
            parameter = _PARAMETERS.get(name, name)
            raise RideDurationError(
                f"the model in data/ was made with {parameter}={metrics[name]}, not {value}; {_AGAIN}"
            )


def refuse_other_models(models: Iterable[DurationModel | IntervalModel], settings: Collection[str]) -> None:
    """Refuse models that were trained with other parameters.

    Args:
        models: As they were trained.
        settings: Hashes of the parameters at hand, any of which may be theirs.

    Raises:
        RideDurationError: One was.
    """
    for model in models:
        if model.origin is None or model.origin.settings not in settings:
            raise RideDurationError(
                "the model that lies in data/ was trained with other parameters of the models, their features, the "
                f"intervals, the expected errors, the seed or train_data; {_AGAIN}"
            )


def refuse_other_trips(made: Mapping[str, Any], **splits: pd.DataFrame) -> None:
    """Refuse feature rows of other trips than those that a model was made with: each run writes over them.

    Args:
        made: What a package's manifest says: `service`, `source`, and the months in `train_data`, `val_data` and
            `test_data`.
        splits: Feature rows of `train`, `val` or `test`.

    Raises:
        RideDurationError: Rows are of other months, another service or another source; or a month is both trained on
            and evaluated on.
    """
    trained = set(made["train_data"])
    if shared := sorted(trained & {*made["val_data"], *made["test_data"]}):
        raise RideDurationError(
            f"the model was trained on {', '.join(shared)}, and may not be evaluated on what it was trained on"
        )
    for split, rows in splits.items():
        wanted = {(made["service"], made["source"], month) for month in made[f"{split}_data"]}
        lying = set(rows[["service", "source", "month"]].drop_duplicates().itertuples(index=False, name=None))
        if lying != wanted:
            raise RideDurationError(
                f"the {split}_features that lie in data/ are {_trips(lying)}, and the model was made with "
                f"{_trips(wanted)}: another run has written over them; "
                "`kedro run` with the --params and --env of the model makes all of it again"
            )


def _trips(of: set[tuple[str, str, str]]) -> str:
    kinds = sorted({(service, source) for service, source, _ in of})
    return (
        " and ".join(
            f"{service} trips of {', '.join(sorted(month for *kind, month in of if kind == [service, source]))} "
            f"from the source '{source}'"
            for service, source in kinds
        )
        or "no trips"
    )
