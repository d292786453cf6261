"""What a gate demands, and what a check says."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

#: Name of the check that a package answers without the metered distance.
REQUEST_TIME_CHECK = "answers at request time"


class Check(NamedTuple):
    """One check: what must hold, whether it does, and what was found; `brief` is that in a line, where it is long."""

    name: str
    demand: str
    passed: bool
    evidence: str
    brief: str = ""


def columns_of(rows: pd.DataFrame) -> dict[str, Any]:
    """Feature rows (n) as the columns that a package reads."""
    text = ("zone_pair", "borough_pair")
    numbers = {name: rows[name].to_numpy(dtype=np.float64) for name in rows.select_dtypes("number") if name not in text}
    return numbers | {name: rows[name].to_numpy(dtype=object) for name in text}
