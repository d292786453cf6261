"""The synthetic city: months of *simulated* green-taxi records, for trying everything without a network.

No number that comes out of here says anything about real traffic; `docs/decisions/003-simulated-city.md` says how
the city's knobs were fitted and what it does not show.
"""

from ride_duration.trips.simulation.city import City, default_city
from ride_duration.trips.simulation.months_of_rides import simulate_month

__all__ = ["City", "default_city", "simulate_month"]
