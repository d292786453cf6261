"""A page of text that says how well a model does."""

from typing import Any

from ride_duration.pipelines.data_science.parameters import Experiment


def summarise_metrics(quality_summary: str, metrics: dict[str, Any], experiment: Experiment) -> str:
    """What the run read, and how well the model does beside the baselines, as plain text."""
    head = f"Trained on {experiment.train_data}, evaluated on {experiment.val_data}"
    return "\n".join([quality_summary, head, "", *_model_lines(metrics), ""])


def _model_lines(metrics: dict[str, Any]) -> list[str]:
    simulated = " (simulated)" if metrics["simulated"] else ""
    models = metrics["baselines"] | {metrics["model"]: metrics["val"]}
    lines = [
        f"RMSE in minutes on {metrics['val_data']}{simulated}, {metrics['val']['n']:,} trips",
        f"{'model':<22}{'with metered':>14}{'at request time':>26}",
        f"{'':<22}{'distance':>14}{'(no distance)':>26}",
        *(_model_line(name, measures) for name, measures in models.items()),
    ]
    if metrics.get("test"):
        after, before = metrics["test"]["rmse"], metrics["test"]["rmse_without_distance"]
        before_in_words = "" if before is None else f", {before:.2f} at request time"
        trips = f"{metrics['test']['n']:,} trips{simulated}"
        lines.append(
            f"On test months {metrics['test_data']}, {trips}: {after:.2f} with metered distance{before_in_words}"
        )
    return lines


def _model_line(name: str, measures: dict[str, Any]) -> str:
    before = measures["rmse_without_distance"]
    return f"{name:<22}{measures['rmse']:>14.2f}{'n/a (needs the distance)' if before is None else f'{before:.2f}':>26}"
