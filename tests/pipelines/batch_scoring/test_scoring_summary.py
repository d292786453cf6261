"""What a scoring ends with: figures, and whether they rest on the metered distance."""

import ibis
import pandas as pd
import pytest

from ride_duration.pipelines.batch_scoring.parameters import Scoring
from ride_duration.pipelines.batch_scoring.pipeline import ENDING
from ride_duration.pipelines.batch_scoring.scoring import partition_of
from ride_duration.pipelines.batch_scoring.scoring_summary import summarise_scores
from ride_duration.pipelines.declarations import EndedRun
from tests.pipelines.test_parameters import SCORING


@pytest.mark.parametrize(("at_request", "metered"), [([10.5, 21.0], True), ([None, None], True), ([11.0, 21.0], False)])
def test_the_rmse_is_said_to_be_with_the_metered_distance_where_it_is(
    at_request: list[float | None], metered: bool
) -> None:
    scored = pd.DataFrame(
        {
            "actual_duration": [10.0, 20.0],
            "predicted_duration": [11.0, 21.0],
            "predicted_without_distance": pd.array(at_request, "Float64"),
            "diff": [-1.0, -1.0],
            "lower": [5.0, 15.0],
            "upper": [15.0, 25.0],
            "model_version": ["1", "1"],
        }
    )
    scoring = Scoring(**SCORING)
    tables = {partition_of(scoring.taxi_type, month): lambda: ibis.memtable(scored) for month in scoring.months}
    summary = summarise_scores(tables, scoring)
    assert ("RMSE in minutes, with the metered distance, and intervals" in summary) == metered
    assert "    1.00       100.0%" in summary


def test_the_ending_leads_to_the_monitoring_of_the_month() -> None:
    given = ENDING.next_steps(EndedRun("tlc", {"score_data": "2021-03"}, {}))
    assert "`kedro monitor run --env tlc --window 2021-03`" in given
    assert "--window MONTH`" in ENDING.next_steps(EndedRun(None, {}, {}))
