"""The pipelines that `kedro run --pipelines` knows."""

from kedro.pipeline import Pipeline

#: What `kedro run` runs where no pipeline is named: the main job.
MAIN = ("ingestion", "data_engineering", "data_science", "model_release")


def register_pipelines() -> dict[str, Pipeline]:
    """Pipelines by name, one for each folder of `pipelines`; `__default__` is the main job."""
    from ride_duration.pipelines import find_modules

    found = {name: module.create_pipeline() for name, module in find_modules("pipeline")}
    return {"__default__": sum((found[name] for name in MAIN), Pipeline([])), **found}
