"""Months as users write them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.errors import RideDurationError
from ride_duration.trips.months import parse_months

REPEATABLE = settings(derandomize=True, deadline=None)

NUMBERS = st.integers(1900 * 12, 2100 * 12)


def written(number: int) -> str:
    """The month that lies `number` months after January of the year 0."""
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


@REPEATABLE
@given(st.lists(NUMBERS, min_size=1, max_size=30))
def test_a_sum_names_each_month_once_and_in_the_order_of_time(numbers: list[int]) -> None:
    assert parse_months("+".join(map(written, numbers))) == tuple(map(written, sorted(set(numbers))))


@REPEATABLE
@given(NUMBERS, st.integers(0, 60))
def test_a_range_holds_both_its_ends_and_every_month_between(first: int, length: int) -> None:
    months = parse_months(f"{written(first)}..{written(first + length)}")
    assert months == tuple(map(written, range(first, first + length + 1)))


@REPEATABLE
@given(st.lists(NUMBERS, min_size=1, max_size=12))
def test_what_was_parsed_is_parsed_to_itself_again(numbers: list[int]) -> None:
    months = parse_months("+".join(map(written, numbers)))
    assert parse_months("+".join(months)) == months


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("2021-01", ("2021-01",)),
        ("2020-11..2021-02", ("2020-11", "2020-12", "2021-01", "2021-02")),
        ("2021-01+2021-03", ("2021-01", "2021-03")),
        ("2021-01..2021-03+2021-02+2023-01", ("2021-01", "2021-02", "2021-03", "2023-01")),
        (" 2021-03 + 2021-01 ", ("2021-01", "2021-03")),
        ("2021-01..2021-01", ("2021-01",)),
    ],
)
def test_one_month_a_range_and_a_sum_are_understood(text: str, months: tuple[str, ...]) -> None:
    assert parse_months(text) == months


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "2021", "2021-1", "2021-00", "2021-13", "21-01", "2021/01", "January 2021", "2021-01-01", "2021-01+",
        "+2021-01", "2021-01..", "..2021-01", "2021-01..2021-02..2021-03", "2021-01,2021-02", "2021-01...2021-02",
        "\u0662\u0660\u0662\u0661-01", "\uff12021-01", "2021-01 .. 2021-02",
    ],
)  # fmt: skip
def test_what_names_no_months_is_quoted_and_the_right_way_is_shown(text: str) -> None:
    with pytest.raises(RideDurationError) as told:
        parse_months(text)
    assert f"'{text}'" in str(told.value)
    assert "2021-01..2021-03" in str(told.value)


@REPEATABLE
@given(NUMBERS, st.integers(1, 60))
def test_a_range_that_ends_before_it_begins_is_shown_the_right_way_round(first: int, length: int) -> None:
    early, late = written(first), written(first + length)
    with pytest.raises(RideDurationError, match="ends before it begins") as told:
        parse_months(f"{late}..{early}")
    assert f"'{early}..{late}'" in str(told.value)


def test_a_month_of_long_ago_is_read_as_it_is_written() -> None:
    assert parse_months("0099-12..0100-01") == ("0099-12", "0100-01")
