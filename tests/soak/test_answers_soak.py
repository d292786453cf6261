"""Two million odd rides through each packaged model of the configuration: no answer and no bound out of range."""

import pytest

from tests.model_package.odd_rides import check_answers, draw_odd_rides
from tests.support.models import MODELS
from tests.support.packages import package

pytestmark = pytest.mark.soak

RIDES, AT_ONCE = 2_000_000, 250_000


@pytest.mark.parametrize("model", MODELS)
def test_two_million_odd_rides_are_answered_within_the_range_of_training(model: str) -> None:
    for seed in range(RIDES // AT_ONCE):
        check_answers(package(model).answer(draw_odd_rides(AT_ONCE, seed)))
