"""Hundreds of experiments on whole days of real rides, drawn again and again, each looked at several times a day."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from ride_duration.pipelines.data_science.parameters import Training
from ride_duration.pipelines.data_science.training import fit_model
from tests.conftest import REPOSITORY, Project
from tests.support.serving.peeking import Pool, decide, draw, pool_of, rate

pytestmark = [pytest.mark.soak, pytest.mark.real_data]

EXPERIMENTS, DAYS = 400, 28
#: 5 %, and two standard errors of that share of the experiments.
MOST = 0.05 + 2 * (0.05 * 0.95 / EXPERIMENTS) ** 0.5
MAY_JUNE = ("2023-05", "2023-06")
#: Models by the months that they are trained on; `corrected` is that of 2023-01, times its level on 2023-04.
PAIRS = {
    "older against newer": ("2021-01", "2023-04", MAY_JUNE),
    "corrected against uncorrected": ("2023-01", "corrected", MAY_JUNE),
    "three months apart": ("2023-01", "2023-04", MAY_JUNE),
}
NEWER = ("2021-01", "2021-01..2021-02", ("2021-03",))
APART = ("2023-01", "2023-04", ("2023-05",))


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Rides of the months above in the order of time, and what each model says of them, in minutes."""
    project = Project(tmp_path_factory.mktemp("peeking") / "project")
    months = ("2021-01", "2021-02", "2021-03", "2023-01", "2023-04", *MAY_JUNE)
    project.with_real_months(*months)
    ended = project.run(
        f"train_data={'+'.join(months[:-1])},val_data={months[-1]}",
        "--pipelines=ingestion,data_engineering",
        env="tlc",
    )
    assert ended.code == 0, ended.err
    features = pd.read_parquet(project.data("04_feature/features.parquet")).sort_values("ride_id")
    training = quick_training()
    rides = features[features["month"].isin(months[2:3] + months[4:])].sort_values("pickup_datetime")
    kept = rides[["month", "pickup_datetime", "duration"]].copy()
    for name in ("2021-01", "2021-01..2021-02", "2023-01", "2023-04"):
        model = fit_model(features[features["month"].isin(name.split(".."))], training)
        kept[name] = model.predict(rides)
    april = kept[kept["month"] == "2023-04"]
    kept["corrected"] = kept["2023-01"] * april["duration"].sum() / april["2023-01"].sum()
    return kept


def quick_training() -> Training:
    """The default model with larger steps, so that it learns in half a minute."""
    conf = yaml.safe_load(Path(REPOSITORY / "conf/base/parameters_data_science.yml").read_text())
    conf["models"]["xgboost"]["hyper_parameters"] |= {"learning_rate": 0.25, "max_leaves": 64}
    return Training(model="xgboost", seed=42, **{key: conf[key] for key in ("baselines", "feature_sets", "models")})


def pool(answered: pd.DataFrame, pair: tuple[str, str, tuple[str, ...]], rides: int | None = None) -> Pool:
    """Days of squared errors of a champion and a challenger; of as many rides each, if a number is given."""
    champion, challenger, months = pair
    chosen = answered[answered["pickup_datetime"].dt.strftime("%Y-%m").isin(months)]
    squared = (chosen[[champion, challenger]].to_numpy() - chosen[["duration"]].to_numpy()) ** 2
    days = pool_of(chosen["pickup_datetime"].dt.strftime("%Y-%m-%d").to_numpy(dtype=str), squared)
    generator = np.random.default_rng(30)
    return Pool(
        [
            day[np.sort(generator.choice(len(day), rides, replace=len(day) < rides))] if rides else day
            for day in days.days
        ]
    )


@pytest.mark.parametrize("share", [None, 0.05, 0.25, 0.5])
@pytest.mark.parametrize("pair", PAIRS)
def test_looking_at_real_days_finds_no_difference_where_there_is_none(
    answered: pd.DataFrame, pair: str, share: float | None
) -> None:
    generator = np.random.default_rng(31)
    drawn = draw(generator, pool(answered, PAIRS[pair]).scaled(), EXPERIMENTS, DAYS, share)
    found, low, high = rate(decide(drawn)[:, -1])
    by_parts = rate(decide(drawn, by_parts=True)[:, -1])[0]
    kind = f"a share of {share:.0%}" if share else "the shadow"
    print(f"{pair}, {kind}: {found:.1%} ({low:.1%} to {high:.1%}) falsely decided; by parts of days {by_parts:.0%}")
    assert found <= MOST


def test_three_percent_of_the_rmse_are_found_within_three_weeks(answered: pd.DataFrame) -> None:
    found = {}
    for pair in (NEWER, APART):
        drawn = draw(np.random.default_rng(32), pool(answered, pair, 2_000).scaled(0.97), EXPERIMENTS, 21)
        found[pair] = rate(decide(drawn)[:, -1])[0]
        print(
            f"{pair[0]} against {pair[1]}, {pair[2][0]}: 3 % found in {found[pair]:.0%} within 21 days of 2,000 rides"
        )
    assert found[NEWER] >= 0.8
