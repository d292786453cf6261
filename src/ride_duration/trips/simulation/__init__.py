"""The synthetic city: months of *simulated* green-taxi records, for trying everything without a network.

No number that comes out of here says anything about real traffic; `docs/decisions/003-simulated-city.md` says how
the city's knobs were fitted and what it does not show.
"""

from ride_duration.trips.simulation.city import City, default_city
from ride_duration.trips.simulation.days_of_rides import DayOfRides, simulate_days
from ride_duration.trips.simulation.effects import CommonEffects
from ride_duration.trips.simulation.months_of_rides import simulate_month
from ride_duration.trips.simulation.scenarios import Kind, Scenario

__all__ = [
    "City",
    "CommonEffects",
    "DayOfRides",
    "Kind",
    "Scenario",
    "default_city",
    "simulate_days",
    "simulate_month",
]
