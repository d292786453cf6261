"""Typed parameters of ingestion."""

from pydantic import Field

from ride_duration.pipelines.parameters import Parameters


class Simulation(Parameters):
    """How months are simulated.

    Attributes:
        seed: Of the synthetic city; the same seed gives the same files.
    """

    seed: int = Field(ge=0)


#: The raw months that are read, as a group of type `RawMonths`: the parameters whose months they are.
READ = {"raw_months": ("train_data", "val_data", "test_data")}
