"""Months as users write them: `2021-01`, the range `2021-01..2021-03`, and sums of both with `+`."""

import re

from ride_duration.errors import RideDurationError

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


def parse_months(text: str) -> tuple[str, ...]:
    """The months that a text names, in the order of time and each one once.

    Args:
        text: For instance `2021-01`, `2021-01..2021-03` or `2021-01..2021-03+2023-01`.

    Returns:
        Months as `YYYY-MM`.

    Raises:
        RideDurationError: A part is no month, or a range ends before it begins.
    """
    return tuple(sorted({month for part in str(text).split("+") for month in _parse_part(part.strip(), text)}))


def _parse_part(part: str, text: str) -> list[str]:
    first, dots, last = part.partition("..")
    start, end = _number(first, text), _number(last if dots else first, text)
    if end < start:
        raise RideDurationError(f"the range '{part}' ends before it begins; write '{last}..{first}'")
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(start, end + 1)]


def _number(month: str, text: str) -> int:
    match = _MONTH.fullmatch(month)
    if not match:
        raise RideDurationError(
            f"'{text}' does not name months; write one as 2021-01, a range as 2021-01..2021-03, a sum as "
            "2021-01+2021-03"
        )
    return int(match[1]) * 12 + int(match[2]) - 1
