"""One decision, asked for and told as JSON: for programs that have no MLflow in their own process.

In: `project`, `tracking`, `model`, `decision` (promote or rollback), `version` (of a promotion), `by` and `why`; and
of a rollout that has passed all stages `begun`, the `by` and `why` of its beginning: where the version awaits approval,
that is approved by whom it was begun.
Out: `version` and `previous`; or `refused` with the reason, and `unknown` where there is no such version; or
`unreachable` with the reason, where nothing was decided and the same may be asked again.
"""

import json
import sys
from pathlib import Path
from typing import Any

from ride_duration.errors import RideDurationError, Unreachable
from ride_duration.registry import Registry
from ride_duration.registry.decisions import AWAITING

_DONE = "all stages of its rollout are done"


def decide(asked: dict[str, Any]) -> dict[str, Any]:
    """Take a decision."""
    registry = Registry(Path(asked["project"]), asked["tracking"], asked["model"])
    by, why = asked["by"], asked["why"]
    try:
        if asked["decision"] == "rollback":
            decision = registry.rollback(by, why)
        else:
            version, begun = asked["version"], asked.get("begun")
            statuses = {found.number: found.status for found in registry.versions()}
            if version not in statuses:
                return {"refused": f"there is no version {version} of {asked['model']}", "unknown": True}
            if begun and statuses[version] == AWAITING:
                decision = registry.approve(version, begun["by"], f"{begun['why']}; {_DONE}")
            else:
                decision = registry.promote(version, by, why)
    except Unreachable as error:
        return {"unreachable": str(error)}
    except RideDurationError as error:
        return {"refused": str(error), "unknown": False}
    return {"version": decision.version, "previous": decision.previous}


if __name__ == "__main__":
    print(__doc__ if sys.argv[1:] else json.dumps(decide(json.load(sys.stdin))))
