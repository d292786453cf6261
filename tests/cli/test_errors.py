"""What is said of parameters that cannot be used."""

import pytest

from tests.conftest import Project


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ("gate.rejected=-1", "gate.rejected: Input should be greater than or equal to 0"),
        ("gate.coverage=1", "gate.coverage: Input should be a valid tuple"),
        ("intervals.share=0", "intervals.share: Input should be greater than 0"),
        ("example_ride.trip_distance=-1", "example_ride.trip_distance: Input should be greater than 0"),
        ("seed=-1", "seed: Input should be greater than or equal to 0"),
        ("source=x", "unknown source 'x'; choose one of simulated, tlc"),
    ],
)
def test_a_parameter_is_named_once_with_its_group(project: Project, params: str, said: str) -> None:
    ended = project.kedro("run", "--env=test", f"--params={params}")
    assert (ended.code, ended.err) == (1, f"Error: {said}\n")
