"""One decision, requested and answered as JSON: for programs that keep MLflow out of their own process.

Input: `project`, `tracking`, `model`, `decision` (promote or rollback), `version` (of a promotion), `by` and `why`; and
for a rollout that has passed all stages `begun`, the `by` and `why` of its start: where the version awaits approval,
whoever started the rollout approves of it.
Output: `version` and `previous`; or, if no decision was made, `kind` (the name of a class in `ride_duration.errors`)
and `message`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from ride_duration.errors import RideDurationError
from ride_duration.registry import Registry
from ride_duration.registry.decisions import VersionStatus

_DONE = "all stages of its rollout are done"


def decide(request: dict[str, Any]) -> dict[str, Any]:
    """Make a decision, or say of which kind the error is that prevented it."""
    registry = Registry(Path(request["project"]), request["tracking"], request["model"])
    by, why = request["by"], request["why"]
    try:
        if request["decision"] == "rollback":
            decision = registry.rollback(by, why)
        else:
            version, begun = request["version"], request.get("begun")
            if begun and registry.version(version).status == VersionStatus.AWAITING_APPROVAL:
                decision = registry.approve(version, begun["by"], f"{begun['why']}; {_DONE}")
            else:
                decision = registry.promote(version, by, why)
    except RideDurationError as error:
        return {"kind": type(error).__name__, "message": str(error)}
    return {"version": decision.version, "previous": decision.previous}


if __name__ == "__main__":
    print(__doc__ if sys.argv[1:] else json.dumps(decide(json.load(sys.stdin))))
