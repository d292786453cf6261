"""Which decisions a version's status allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ride_duration.errors import DecisionRefused
from ride_duration.registry.decisions import VersionStatus, find_gate, status_of

if TYPE_CHECKING:
    from ride_duration.mlflow_reader import StoredVersion
    from ride_duration.model_package import ModelPackage
    from ride_duration.registry.decision_log import DecisionLog


def find_status(found: StoredVersion, log: DecisionLog) -> VersionStatus:
    """Return what a version is.

    Args:
        found: A version as it is stored.
        log: The decisions.
    """
    return status_of(found.number, found.tags.get("approval", ""), log.decisions, log.champion)


def check_can_be_promoted(found: StoredVersion, log: DecisionLog) -> None:
    """Check that a version is a candidate or a former champion, which may be promoted.

    Raises:
        DecisionRefused: It awaits approval, was rejected, or the gate compared it with another champion.
    """
    present = find_status(found, log)
    if present == VersionStatus.AWAITING_APPROVAL:
        raise DecisionRefused(f"version {found.number} awaits approval; {_name_decision(found, log)} makes it champion")
    if present == VersionStatus.REJECTED:
        raise DecisionRefused(f"version {found.number} was rejected; train and release a better one")
    if present == VersionStatus.CANDIDATE:
        _check_gate_is_current(found, log)


def check_can_be_approved(found: StoredVersion, log: DecisionLog) -> None:
    """Check that a version awaits approval.

    Raises:
        DecisionRefused: It does not, or its gate compared it with another champion.
    """
    _check_status(found, log, "approved", (VersionStatus.AWAITING_APPROVAL,))
    _check_gate_is_current(found, log)


def check_can_be_rejected(found: StoredVersion, log: DecisionLog) -> None:
    """Check that a version was never champion, and may be rejected.

    Raises:
        DecisionRefused: It was, or it was rejected before.
    """
    _check_status(found, log, "rejected", (VersionStatus.AWAITING_APPROVAL, VersionStatus.CANDIDATE))


def check_can_challenge(found: StoredVersion, log: DecisionLog, *, approved: bool) -> int:
    """Check that a version may challenge the champion: it may be promoted, or it awaits approval and is approved.

    Args:
        found: A version as it is stored.
        log: The decisions.
        approved: Whether a person, by name and with a reason, approves it if it passes all stages.

    Returns:
        The champion.

    Raises:
        DecisionRefused: It may not, it needs an approval, or there is no champion yet.
    """
    awaits = find_status(found, log) == VersionStatus.AWAITING_APPROVAL
    if not awaits:
        check_can_be_promoted(found, log)
    elif not approved:
        raise DecisionRefused(
            f"version {found.number} awaits approval: starting its rollout approves it, if it passes all "
            "stages; give --by NAME and --why TEXT"
        )
    else:
        _check_gate_is_current(found, log)
    if log.champion is None:
        raise DecisionRefused(
            f"there is no champion yet that version {found.number} could challenge; "
            f"{_name_decision(found, log)} makes it champion"
        )
    return log.champion


def check_comparable(found: StoredVersion, log: DecisionLog, challenger: ModelPackage, champion: ModelPackage) -> None:
    """Check that challenger and champion score the same rides: the challenger needs what the champion needs, or less.

    Args:
        found: The challenger as it is stored.
        log: The decisions.
        challenger: Its package.
        champion: The champion's package.

    Raises:
        DecisionRefused: The challenger needs the distance, and the champion does without.
    """
    needing = [package.manifest.get("distance") == "required" for package in (challenger, champion)]
    if needing == [True, False]:
        raise DecisionRefused(
            f"version {challenger.version} needs the distance and version {champion.version} does without, so a "
            "rollout cannot compare them on the same rides, and requests without a distance would be "
            "refused in the end; "
            f"{_name_decision(found, log)} decides it without a rollout"
        )


def check_report_is_current(compared: int | None, log: DecisionLog) -> None:
    """Check that the champion that a gate compared with is still the champion.

    Args:
        compared: The version that was champion when the gate began, if there was one.
        log: The decisions.

    Raises:
        DecisionRefused: It is not.
    """
    if compared != log.champion:
        raise DecisionRefused(
            f"the package was evaluated {_describe_champions(compared, log.champion)}; "
            "`kedro run --pipelines=model_release`, with the --params and --env of its training, evaluates and "
            "releases it"
        )


def _name_decision(found: StoredVersion, log: DecisionLog) -> str:
    """Return the command that makes a version champion at once."""
    if find_status(found, log) == VersionStatus.AWAITING_APPROVAL:
        return f"`kedro models approve {found.number} --by NAME --why TEXT`"
    return f"`kedro models promote {found.number}`"


def _check_status(found: StoredVersion, log: DecisionLog, decided: str, allowed: tuple[str, ...]) -> None:
    present = find_status(found, log)
    if present not in allowed:
        raise DecisionRefused(
            f"version {found.number} cannot be {decided}: its status is {present}; see `kedro models list`"
        )


def _check_gate_is_current(found: StoredVersion, log: DecisionLog) -> None:
    """Check that the gate compared the version with the present champion."""
    gate = find_gate(found.tags.get("gate"), log.decisions)
    if gate is None or gate.previous != log.champion:
        between = _describe_champions(gate.previous if gate else None, log.champion)
        raise DecisionRefused(
            f"version {found.number} was evaluated {between}; "
            "`kedro run` with the --params of that version evaluates and releases it again"
        )


def _describe_champions(compared: int | None, champion: int | None) -> str:
    then = "none" if compared is None else f"version {compared}"
    now = "there is none" if champion is None else f"version {champion} is"
    return f"when the champion was {then}, and {now} now"
