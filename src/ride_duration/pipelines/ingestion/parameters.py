"""Typed parameters of ingestion."""

from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from ride_duration.errors import NotFound
from ride_duration.pipelines.parameters import Parameters
from ride_duration.trips.simulation import CommonEffects, Kind, Scenario


class ScenarioSettings(Parameters):
    """Trouble in the synthetic city, see `trips.simulation.scenarios`.

    Attributes:
        start: Days from the first day that is looked at to the first day of trouble.
        end: Days from the same to the first day after it; None where it lasts.
        strength: How much.
    """

    start: int = Field(ge=0)
    end: int | None = Field(default=None, ge=1)
    strength: float = Field(gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"end is {self.end}, which is not after the start, {self.start}")
        return self


class Simulation(Parameters):
    """How months are simulated; without effects, as former configurations have none, all days are alike.

    Attributes:
        seed: Of the synthetic city; the same seed gives the same files.
        day_spread: Standard deviation of the logarithm of what all rides of a day have in common.
        day_correlation: Lag-1 correlation of it.
        month_spread: Standard deviation of the logarithm of what all rides of a month have in common.
        scenarios: Trouble that can be played, by kind.
    """

    seed: int = Field(ge=0)
    day_spread: float = Field(default=0.0, ge=0, le=1)
    day_correlation: float = Field(default=0.0, gt=-1, lt=1)
    month_spread: float = Field(default=0.0, ge=0, le=1)
    scenarios: dict[Kind, ScenarioSettings] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _name_kinds(cls, values: Any) -> Any:
        scenarios = values.get("scenarios") if isinstance(values, dict) else None
        for name, settings in (scenarios or {}).items() if isinstance(scenarios, dict) else ():
            if name not in set(Kind):
                raise ValueError(f"unknown scenario '{name}'; there are {', '.join(Kind)}")
            kind = Kind(name)
            share = kind in (Kind.NEW_ZONE, Kind.DOUBLED_RECORDS, Kind.SILENT_SOURCE)
            if share and isinstance(settings, dict) and float(settings.get("strength", 0)) > 1:
                raise ValueError(f"scenarios.{name}.strength is {settings['strength']}; it is a share, at most 1")
        return values

    @property
    def effects(self) -> CommonEffects:
        """What rides of a day, and of a month, have in common."""
        return CommonEffects(self.day_spread, self.day_correlation, self.month_spread)

    def place_scenario(self, name: str, origin: np.datetime64) -> Scenario:
        """Return a configured scenario, counted from the first day that is looked at.

        Raises:
            NotFound: None is configured under this name.
        """
        if name not in self.scenarios:
            raise NotFound(f"unknown scenario '{name}'; simulation.scenarios has {', '.join(self.scenarios) or 'none'}")
        settings = self.scenarios[Kind(name)]
        return Scenario.begin_at(origin, name, settings.start, settings.end, settings.strength)


class ZoneShapeSettings(Parameters):
    """Where the shapes of the taxi zones come from; without addresses, as former configurations have none, nowhere.

    Attributes:
        source: Where raw months come from.
        zone_shape_sources: For each source, the address of a zip archive with a shapefile, or none.
        zone_shape_tolerance: Meters that a simplified outline may lie off the TLC's.
    """

    source: str
    zone_shape_sources: dict[str, str | None] = Field(default_factory=dict)
    zone_shape_tolerance: float = Field(default=15.0, ge=0, allow_inf_nan=False)


#: Groups of parameters that nodes are given.
GROUPS: dict[str, type[Parameters]] = {"zone_shapes": ZoneShapeSettings}

#: The raw months that are read, as a group of type `RawMonths`: the parameters whose months they are.
READ = {"raw_months": ("train_data", "val_data", "test_data")}
