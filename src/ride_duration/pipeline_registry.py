"""The pipelines that `kedro run --pipelines` knows."""

from kedro.pipeline import Pipeline


def register_pipelines() -> dict[str, Pipeline]:
    """Pipelines by name; `__default__` is the main job."""
    from ride_duration.pipelines import (
        backtest,
        batch_scoring,
        data_engineering,
        data_science,
        ingestion,
        model_release,
        tuning,
    )

    main = {
        "ingestion": ingestion.create_pipeline(),
        "data_engineering": data_engineering.create_pipeline(),
        "data_science": data_science.create_pipeline(),
        "model_release": model_release.create_pipeline(),
    }
    features = main["ingestion"] + main["data_engineering"]
    backtest_features = Pipeline(features, parameters={"params:raw_months": "params:backtest_months"})
    raw_trips = main["ingestion"].to_outputs("raw_trips@files")
    scored_months = Pipeline(raw_trips, parameters={"params:raw_months": "params:score_months"})
    return {
        "__default__": sum(main.values(), Pipeline([])),
        **main,
        "tuning": features + data_science.create_splitting() + tuning.create_pipeline(),
        "backtest": backtest_features + backtest.create_pipeline(),
        "batch_scoring": scored_months + batch_scoring.create_pipeline(),
    }
