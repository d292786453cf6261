"""Decisions of the registry, asked for by the service."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from ride_duration.errors import ConfigurationError, NotFound, RegistryUnavailable, without_passwords
from ride_duration.serving.schemas.problems import Refused

if TYPE_CHECKING:
    from ride_duration.serving.settings import ServiceSettings

log = logging.getLogger(__name__)

#: Seconds that a decision may take; the registry itself waits one minute for other decisions.
TIMEOUT_SECONDS = 120.0


def decide(settings: ServiceSettings, decision: dict[str, Any]) -> dict[str, Any]:
    """The registry decides in a process of its own, since it needs MLflow, and the service has no room for that.

    Args:
        settings: Of the service.
        decision: `decision` (promote or rollback), `version`, `by` and `why`; of a rollout also `begun`.

    Returns:
        `version`, the champion now, and `previous`.

    Raises:
        Refused: The registry refuses (404 or 409), or cannot be reached (503).
    """
    asked = decision | {"project": settings.project, "tracking": settings.tracking, "model": settings.model}
    command = [sys.executable, "-m", "ride_duration.registry"]
    away = Refused(503, "the registry cannot be reached; the service's log says more", retry_after=10)
    try:
        done = subprocess.run(
            command, input=json.dumps(asked), capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
        )
        told: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        log.error("the registry's command took more than %.0f s", TIMEOUT_SECONDS)
        raise away from None
    except ValueError:
        log.error("the registry's command ended with %d: %s", done.returncode, without_passwords(done.stderr))
        raise away from None
    kind = told.get("kind")
    if kind in (RegistryUnavailable.__name__, ConfigurationError.__name__):
        log.error("the registry cannot be reached: %s", told["message"])
        raise away
    if kind == NotFound.__name__:
        raise Refused(404, told["message"], "version")
    if kind:
        raise Refused(409, told["message"])
    return told
