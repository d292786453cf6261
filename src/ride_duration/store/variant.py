"""The part that a model version plays in answering a ride."""

from enum import StrEnum


class Variant(StrEnum):
    """Who made a prediction; the values stand in the store, in responses and in metrics.

    `SHADOW` predictions are scored but not returned to clients.
    """

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    SHADOW = "shadow"
