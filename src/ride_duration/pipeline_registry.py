"""The pipelines that `kedro run --pipelines` knows."""

from kedro.pipeline import Pipeline


def register_pipelines() -> dict[str, Pipeline]:
    """Pipelines by name; `__default__` is the main job."""
    from ride_duration.pipelines import data_engineering, data_science, ingestion, tuning

    main = {
        "ingestion": ingestion.create_pipeline(),
        "data_engineering": data_engineering.create_pipeline(),
        "data_science": data_science.create_pipeline(),
    }
    before_tuning = [main["ingestion"], main["data_engineering"], data_science.create_splitting()]
    return {
        "__default__": sum(main.values(), Pipeline([])),
        **main,
        "tuning": sum(before_tuning, tuning.create_pipeline()),
    }
