"""The configured gate, and its report on small packages."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import yaml

from ride_duration.datasets.release import FormerChampion
from ride_duration.model_package import ModelPackage
from ride_duration.pipelines.model_release.gate import gate_package
from ride_duration.pipelines.model_release.parameters import Gate
from tests.support.evaluation import SLICES
from tests.support.models import CONF
from tests.support.packages import released_splits

CONFIGURED = yaml.safe_load((CONF / "parameters_model_release.yml").read_text())["gate"]


#: So wide that only what a test is about can fail, with few trips and little models.
WIDE: dict[str, Any] = {"coverage": [0.5, 1.0], "bucket_coverage": 0.5, "milliseconds": 10_000}


def gate(**changed: Any) -> Gate:
    """The configured gate."""
    return Gate(**CONFIGURED | changed)


def in_few_days(rows: pd.DataFrame, days: int = 6) -> pd.DataFrame:
    """The rows as if picked up on so many days, which then count as days."""
    first = rows["pickup_datetime"].min().normalize()
    return rows.assign(pickup_datetime=first + pd.to_timedelta(np.arange(len(rows)) % days, "D"))


def judged(
    of: ModelPackage,
    champion: ModelPackage | None = None,
    former: Sequence[FormerChampion] = (),
    val: pd.DataFrame | None = None,
    **changed: Any,
) -> dict[str, Any]:
    """A gate's report."""
    rows = released_splits()
    val = in_few_days(rows["val_features"] if val is None else val)
    train, none = rows["train_features"], rows["test_features"].iloc[:0]
    return gate_package(of, champion, former, train, val, none, gate(**WIDE | changed), SLICES)
