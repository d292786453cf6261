"""Model configurations: their entries in `models`, the features that they read, and what tuning may try of them."""

from inspect import Parameter, signature
from typing import Any, Self

from pydantic import Field, model_validator

from ride_duration.pipelines.parameters import Parameters
from ride_duration.trips.features import FEATURES


class EarlyStopping(Parameters):
    """How the number of boosting rounds is found.

    Attributes:
        rounds: The estimator's parameter that holds it.
        patience: Rounds without improvement before stopping.
        share: The last part of the training trips, in time, that is held out to stop on.
    """

    rounds: str
    patience: int = Field(gt=0)
    share: float = Field(gt=0, lt=1)


class FeatureSet(Parameters):
    """The columns that a model reads.

    Attributes:
        numeric: Columns of numbers; missing values are NaN.
        categorical: Columns of text, one-hot encoded, or handed over as they are when `encode` is off.
        encode: Whether text is one-hot encoded and missing numbers become 0, as linear models need it.
        increasing: Numeric columns of which more never shortens the ride.
    """

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    encode: bool = False
    increasing: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> "FeatureSet":
        for name, columns, known in (
            ("numeric", self.numeric, (*FEATURES, "trip_distance_raw")),
            ("categorical", self.categorical, ("zone_pair", "borough_pair")),
            ("increasing", self.increasing, self.numeric),
        ):
            if unknown := sorted(set(columns) - set(known)):
                raise ValueError(f"`{name}` names {', '.join(unknown)}; choose from {', '.join(known)}")
        return self


class SearchRange(Parameters):
    """The values of one hyper-parameter that tuning tries: all from `low` to `high`, or `choices`.

    Attributes:
        low: The smallest; where both ends are integers, so is every value.
        high: The largest.
        log: Whether values are spread evenly by their logarithm.
        choices: The values, where they are no range.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    choices: tuple[bool | int | float | str | None, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.choices:
            if self.low is not None or self.high is not None or self.log:
                raise ValueError("name either `choices`, or `low` and `high`")
        elif self.low is None or self.high is None:
            raise ValueError("name both `low` and `high`, or `choices`")
        elif self.low >= self.high:
            raise ValueError(f"low is {self.low} and high is {self.high}; low must be the smaller one")
        elif self.log and self.low <= 0:
            raise ValueError(f"low is {self.low}, which has no logarithm; make it positive, or leave `log` away")
        return self

    def holds(self, value: Any) -> bool:
        """Whether tuning could try this value."""
        if self.low is None or self.high is None:
            return value in self.choices
        return isinstance(value, int if self.whole else (int, float)) and self.low <= value <= self.high

    @property
    def whole(self) -> bool:
        """Whether every value is an integer."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def __str__(self) -> str:
        return f"{self.low} to {self.high}" if not self.choices else ", ".join(map(str, self.choices))


class ModelChoice(Parameters):
    """One model configuration, an entry of `models`.

    Attributes:
        estimator: Import path of a scikit-learn compatible regressor.
        features: Name of a feature set.
        distance: `optional` (learns with and without), `required`, or `unused`.
        monotone: The estimator's parameter that takes one -1, 0 or 1 a feature, if it has one.
        early_stopping: None where there is nothing to stop.
        hyper_parameters: Handed to the estimator.
        search_space: What tuning tries, by hyper-parameter; each is one of `hyper_parameters`, whose values are
            tried first.
    """

    estimator: str
    features: str
    distance: str = Field(pattern="^(optional|required|unused)$")
    monotone: str | None = None
    early_stopping: EarlyStopping | None = None
    hyper_parameters: dict[str, Any] = Field(default_factory=dict)
    search_space: dict[str, SearchRange] = Field(default_factory=dict)


#: -1 means "all cores" or "nothing".
_MAY_BE_NEGATIVE = ("n_jobs", "verbose", "verbosity")

#: How alike two names must be for one to be a misspelling of the other, where any name may be given.
_MISSPELT = 0.8


def check_hyper_parameters(where: str, choice: ModelChoice) -> None:
    """Refuse what the estimator does not know, and negative numbers where its own default is not negative.

    Args:
        where: The entry in the parameters, for instance `models.lasso`.
        choice: The entry.

    Raises:
        ValueError: Names the entry, the parameter and what to do.
    """
    from kedro.utils import load_obj

    try:
        estimator = load_obj(choice.estimator)
        defaults = estimator().get_params()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{where}.estimator: cannot make a {choice.estimator} ({error})") from error
    takes_any = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in signature(estimator).parameters.values())
    if choice.early_stopping:
        _check_name(
            f"{where}.early_stopping.rounds={choice.early_stopping.rounds}",
            choice,
            choice.early_stopping.rounds,
            defaults,
        )
    if choice.monotone:
        _check_name(f"{where}.monotone={choice.monotone}", choice, choice.monotone, defaults, takes_any=takes_any)
    tried = [("search_space", key, searched.low) for key, searched in choice.search_space.items()]
    for group, key, value in [*(("hyper_parameters", *item) for item in choice.hyper_parameters.items()), *tried]:
        named = f"{where}.{group}.{key}"
        _check_name(named, choice, key, defaults, takes_any=takes_any)
        default = defaults.get(key)
        negative_is_known = key in _MAY_BE_NEGATIVE or (isinstance(default, (int, float)) and default < 0)
        if isinstance(value, (int, float)) and value < 0 and not negative_is_known:
            raise ValueError(f"{named} is {value}, but cannot be negative")


def _check_name(
    where: str, choice: ModelChoice, name: str, defaults: dict[str, Any], *, takes_any: bool = False
) -> None:
    from kedro.utils import get_close_matches

    if name in defaults:
        return
    close = get_close_matches(name, defaults, cutoff=_MISSPELT if takes_any else 0.6)
    if close or not takes_any:
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ValueError(f"{where}: {choice.estimator} has no such parameter{hint}")
