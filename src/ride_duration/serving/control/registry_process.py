"""Runs decisions of the registry in a process of their own: they need MLflow, which the service does not load."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from ride_duration.errors import ConfigurationError, DecisionRefused, NotFound, RegistryUnavailable, without_passwords

if TYPE_CHECKING:
    from ride_duration.serving.settings import ServiceSettings

log = logging.getLogger(__name__)

#: Seconds that a decision may take; the registry itself waits one minute for other decisions.
TIMEOUT_SECONDS = 120.0


def run_decision(settings: ServiceSettings, decision: dict[str, Any]) -> dict[str, Any]:
    """Run a decision of the registry.

    Args:
        settings: Of the service.
        decision: `decision` (promote or rollback), `version`, `by` and `why`; of a rollout also `begun`.

    Returns:
        `version`, the champion now, and `previous`.

    Raises:
        NotFound: There is no such version.
        DecisionRefused: The registry's rules forbid it.
        RegistryUnavailable: The registry cannot be reached, or does not answer in time.
    """
    request = decision | {"project": settings.project, "tracking": settings.tracking, "model": settings.model}
    command = [sys.executable, "-m", "ride_duration.registry"]
    try:
        done = subprocess.run(
            command, input=json.dumps(request), capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
        )
        reply: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        reason = f"the registry's command took more than {TIMEOUT_SECONDS:.0f} s"
        log.error("%s", reason)
        raise RegistryUnavailable(reason) from None
    except ValueError:
        reason = f"the registry's command ended with {done.returncode}: {without_passwords(done.stderr)}"
        log.error("%s", reason)
        raise RegistryUnavailable(reason) from None
    kind, message = reply.get("kind"), reply.get("message", "")
    if kind in (RegistryUnavailable.__name__, ConfigurationError.__name__):
        log.error("the registry cannot be reached: %s", message)
        raise RegistryUnavailable(message)
    if kind is not None:
        raise (NotFound if kind == NotFound.__name__ else DecisionRefused)(message)
    return reply
