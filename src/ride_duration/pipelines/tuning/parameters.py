"""Typed parameters of tuning."""

from pydantic import Field

from ride_duration.pipelines.parameters import Parameters


class Tuning(Parameters):
    """How hyper-parameters are looked for.

    Attributes:
        trials: How many are made in all, finished or stopped early.
        folds: A trial is evaluated on so many folds at least; each training month gives as many as that takes.
        fold_share: The part of a month's trips that a fold is evaluated on.
        trials_before_pruning: So many trials are finished before others may be stopped early.
    """

    trials: int = Field(gt=0)
    folds: int = Field(gt=0)
    fold_share: float = Field(gt=0, lt=1)
    trials_before_pruning: int = Field(gt=0)


#: Groups of single parameters that are checked, and given to nodes, together: each takes the fields of its type.
GROUPS: dict[str, type[Parameters]] = {"tuning": Tuning}
