"""One decision, asked for and told as JSON: for programs that have no MLflow in their own process.

In: `project`, `tracking`, `model`, `decision` (promote or rollback), `version` (of a promotion), `by` and `why`.
Out: `version` and `previous`; or `refused` with the reason, and `unknown` where there is no such version; or
`unreachable` with the reason, where nothing was decided and the same may be asked again.
"""

import json
import sys
from pathlib import Path
from typing import Any

from ride_duration.errors import RideDurationError, Unreachable
from ride_duration.registry import Registry


def decide(asked: dict[str, Any]) -> dict[str, Any]:
    """Take a decision."""
    registry = Registry(Path(asked["project"]), asked["tracking"], asked["model"])
    by, why = asked["by"], asked["why"]
    try:
        if asked["decision"] == "rollback":
            decision = registry.rollback(by, why)
        else:
            if asked["version"] not in {version.number for version in registry.versions()}:
                return {"refused": f"there is no version {asked['version']} of {asked['model']}", "unknown": True}
            decision = registry.promote(asked["version"], by, why)
    except Unreachable as error:
        return {"unreachable": str(error)}
    except RideDurationError as error:
        return {"refused": str(error), "unknown": False}
    return {"version": decision.version, "previous": decision.previous}


if __name__ == "__main__":
    print(__doc__ if sys.argv[1:] else json.dumps(decide(json.load(sys.stdin))))
