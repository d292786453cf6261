"""Beside former champions: what is a little worse each time must not add up."""

from collections.abc import Callable
from typing import Any

import pytest

from ride_duration.datasets.release import FormerChampion
from ride_duration.errors import RegistryUnavailable, RideDurationError
from ride_duration.model_package import ModelPackage
from ride_duration.pipelines.model_release.answer_errors import find_errors
from ride_duration.pipelines.model_release.former_champions import compare_with_best
from tests.support.former_champions import month_of, packed
from tests.support.gate import gate

ROWS = month_of("2021-06", "green")


def compare(former: list[FormerChampion], champion: ModelPackage | None = None, **changed: Any) -> tuple[bool, str]:
    """A package that is 1 % worse than the best, beside former champions."""
    own = find_errors(packed(1.01, ["2021-05"], "2021-06"), ROWS)
    return compare_with_best(former, champion, ROWS, own, gate(**changed))


def entry(version: int, package: ModelPackage, *, known: bool = True) -> FormerChampion:
    return FormerChampion(version, package.identity if known else None, lambda: package)


def never() -> ModelPackage:
    raise AssertionError("what is not needed is not loaded")


def test_the_best_is_found_for_each_answer_among_those_that_give_it() -> None:
    far = packed(1.05, ["2021-01"], "2021-02")
    needing = packed(1.0, ["2021-02"], "2021-03", distance="required")
    passed, found = compare([entry(2, far), entry(1, needing)])
    assert not passed
    assert found.startswith("on 2021-06, 1,000 trips: RMSE +1.00% (95 % bound: at most +1.00%), MAE ")
    assert "with metered distance than version 1; RMSE -3.81% " in found
    assert found.endswith(" at request time than version 2")


def test_only_so_many_are_compared_and_none_twice() -> None:
    best, far = packed(1.0, ["2021-01"], "2021-02"), packed(1.05, ["2021-01"], "2021-02")
    many = [entry(9, far), FormerChampion(8, far.identity, never), entry(7, far, known=False), entry(1, best)]
    assert compare(many)[0] is False
    assert compare(many, recent_champions=3)[0] is True
    assert compare([FormerChampion(9, far.identity, never)], far) == (True, "there is none to compare with")
    assert compare([entry(9, far, known=False)], far) == (True, "there is none to compare with")


def test_a_former_champion_that_was_trained_on_the_month_or_later_is_named_and_left_out() -> None:
    best = packed(1.0, ["2021-01", "2021-06"], "2021-07")
    found = (True, "there is none to compare with; left out: version 3 (trained on 2021-01, 2021-06)")
    assert compare([entry(3, best)]) == found


@pytest.mark.parametrize(("error", "left_out"), [(RideDurationError, True), (RegistryUnavailable, False)])
def test_a_registry_that_is_away_ends_the_gate(error: type[Exception], left_out: bool) -> None:
    def load() -> ModelPackage:
        raise error("the files are gone")

    attempt: Callable[[], Any] = lambda: compare([FormerChampion(3, None, load)])  # noqa: E731
    if left_out:
        assert attempt() == (True, "there is none to compare with; left out: version 3 (the files are gone)")
    else:
        with pytest.raises(RegistryUnavailable):
            attempt()
