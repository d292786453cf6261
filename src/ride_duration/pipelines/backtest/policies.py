"""Retraining policies as users write them: `never`, `last_3`, and sums of both with `+`."""

import re
from dataclasses import dataclass

from ride_duration.errors import RideDurationError

_LAST = re.compile(r"last_([1-9]\d{0,3})")


@dataclass(frozen=True)
class Policy:
    """On which months a model is trained when a month begins.

    Attributes:
        name: As users write it.
        last: On how many of the last months a model is trained, each month; None if it is never retrained.
    """

    name: str
    last: int | None

    def select_months(self, before: tuple[str, ...]) -> tuple[str, ...]:
        """Return the months that the model in use has been trained on.

        Args:
            before: The months so far, in the order of time; one at least.

        Returns:
            Some of them, in the same order: the first, or the last ones, as many as there are.
        """
        return before[:1] if self.last is None else before[-self.last :]

    @property
    def words(self) -> str:
        """The policy in words."""
        if self.last is None:
            return "never retrained"
        return "retrained monthly on the last " + ("month" if self.last == 1 else f"{self.last} months")


def parse_policies(text: str) -> tuple[Policy, ...]:
    """The policies that a text names, in its order and each one once.

    Args:
        text: For instance `never+last_1+last_3`.

    Raises:
        RideDurationError: A part is no policy.
    """
    return tuple(dict.fromkeys(_parse_part(part.strip(), text) for part in text.split("+")))


def _parse_part(part: str, text: str) -> Policy:
    if part == "never":
        return Policy(part, None)
    match = _LAST.fullmatch(part)
    if not match:
        raise RideDurationError(
            f"'{text}' does not name retraining policies; write never, last_1 (each month on the month before), "
            "last_3 (on the three months before), or a sum as never+last_3"
        )
    return Policy(part, int(match[1]))
