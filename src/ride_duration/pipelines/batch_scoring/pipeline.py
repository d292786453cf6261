"""Raw months -> predictions of the champion, trip by trip."""

from kedro.pipeline import Pipeline, node

from ride_duration.pipelines.batch_scoring.scoring import score_trips
from ride_duration.pipelines.batch_scoring.scoring_summary import summarise_scores
from ride_duration.pipelines.declarations import EndedRun, Ending
from ride_duration.pipelines.ingestion import pipeline as ingestion


def _say_next_steps(run: EndedRun) -> str:
    window = run.params.get("score_data", "MONTH")
    return (
        "The predictions are in data/07_model_output/scored_trips, one folder a month.\n"
        f"Next: `kedro monitor run{run.env_option} --window {window}` says whether the model is still right;\n"
        "      look at them with `pandas.read_parquet` of that folder in `make notebook`, or score other months:\n"
        f"      `kedro run{run.env_option} --pipelines=batch_scoring --params=score_data=2021-04..2021-06`."
    )


ENDING = Ending("scoring_summary", _say_next_steps)


def create_pipeline() -> Pipeline:
    """Score every raw trip of `score_data`, and report how far off the predictions were."""
    raw_trips = ingestion.create_months().to_outputs("raw_trips@files")
    return Pipeline(raw_trips, parameters={"params:raw_months": "params:score_months"}) + _create_scoring()


def _create_scoring() -> Pipeline:
    return Pipeline(
        [
            node(
                score_trips,
                ["raw_trips@table", "champion_package", "params:scoring"],
                "scored_trips@stream",
                name="score_trips",
            ),
            node(
                summarise_scores, ["scored_trips@table", "params:scoring"], "scoring_summary", name="summarise_scores"
            ),
        ],
        namespace="scoring",
        inputs={"raw_trips@table", "champion_package"},
        parameters={"params:scoring"},
        outputs={"scored_trips@stream", "scoring_summary"},
        prefix_datasets_with_namespace=False,
    )
