"""What a verdict is about: one version's answers at one moment, and the days on which something broke."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from ride_duration.pipelines.monitoring.incident_days import Incident, find_incidents, find_skew_of_others
from ride_duration.pipelines.monitoring.parameters import Monitored
from ride_duration.store.variant import Variant


class Evaluated(NamedTuple):
    """What is evaluated; found once, so that drift, verdict, report and what is kept leave out the same days.

    Attributes:
        version: That was champion for most rides of the last day of the window.
        moment: When the answers were given; where there are none of the moment that is asked for, another one.
        incidents: What broke, of the window and of the days before it, in the order of time.
        of_others: What broke of other versions in the window, which says nothing about the one that is evaluated.
    """

    version: int
    moment: str
    incidents: list[Incident]
    of_others: list[Incident]

    def find_within(self, first_day: str) -> list[Incident]:
        """Return what broke on this day or later."""
        return [incident for incident in self.incidents if incident.day >= np.datetime64(first_day)]


def find_evaluated(daily_sums: pd.DataFrame, monitored: Monitored) -> Evaluated:
    """Find which version answered last, which of its answers are evaluated, and the days on which something broke.

    Args:
        daily_sums: Of `join_probe`.
        monitored: Says which days, and which answers.
    """
    version = find_version(daily_sums, monitored)
    known = set(daily_sums[daily_sums["version"] == version]["moment"])
    wanted = monitored.monitored_moment
    moment = wanted if wanted in known or not known else min(known)
    found = find_incidents(daily_sums, monitored, version, moment, monitored.day_before, monitored.last_day)
    others = find_skew_of_others(daily_sums, monitored, version)
    return Evaluated(version, moment, found, others)


def find_version(daily_sums: pd.DataFrame, monitored: Monitored) -> int:
    """Return the version that was champion for most rides of the last day of the window."""
    within = daily_sums[
        (daily_sums["day"].astype(str) <= monitored.last_day) & (daily_sums["variant"] == Variant.CHAMPION)
    ]
    last = within[within["day"] == within["day"].max()]
    return int(str(last.groupby("version")["rides"].sum().idxmax()))
