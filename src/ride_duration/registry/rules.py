"""Which decisions a version's status allows."""

from __future__ import annotations

from typing import Any

from ride_duration.errors import DecisionRefused
from ride_duration.model_package import ModelPackage
from ride_duration.registry.decision_log import Journal
from ride_duration.registry.decisions import AWAITING, CANDIDATE, REJECTED, judged_against, status_of


def status(found: Any, journal: Journal) -> str:
    """Champion, former champion, candidate, awaiting approval or rejected.

    Args:
        found: A version as MLflow gives it.
        journal: The decisions.
    """
    return status_of(int(found.version), found.tags.get("approval", ""), journal.decisions, journal.champion)


def refuse_unless_promotable(found: Any, journal: Journal) -> None:
    """A candidate, or a former champion, may be promoted.

    Raises:
        RideDurationError: It awaits approval, was rejected, or was judged against another champion.
    """
    present = status(found, journal)
    if present == AWAITING:
        raise DecisionRefused(
            f"version {found.version} awaits approval; {_decision_for(found, journal)} makes it champion"
        )
    if present == REJECTED:
        raise DecisionRefused(f"version {found.version} was rejected; train and release a better one")
    if present == CANDIDATE:
        _refuse_judged_against_another(found, journal)


def refuse_unless_approvable(found: Any, journal: Journal) -> None:
    """A version that awaits approval may be approved.

    Raises:
        RideDurationError: It does not, or it was judged against another champion.
    """
    _refuse_unless(found, journal, "approved", (AWAITING,))
    _refuse_judged_against_another(found, journal)


def refuse_unless_rejectable(found: Any, journal: Journal) -> None:
    """A version that was never champion may be rejected.

    Raises:
        RideDurationError: It was, or it was rejected before.
    """
    _refuse_unless(found, journal, "rejected", (AWAITING, CANDIDATE))


def refuse_unless_rival(found: Any, journal: Journal, *, approved: bool) -> int:
    """What may be promoted may challenge the champion, and so may a version that awaits approval.

    Args:
        found: A version as MLflow gives it.
        journal: The decisions.
        approved: Whether a person, by name and with a reason, approves of it if it passes all stages.

    Returns:
        The champion.

    Raises:
        RideDurationError: It may not, nobody approves of it, or there is no champion yet.
    """
    awaits = status(found, journal) == AWAITING
    if not awaits:
        refuse_unless_promotable(found, journal)
    elif not approved:
        raise DecisionRefused(
            f"version {found.version} awaits approval: whoever begins its rollout approves of it, if it passes all "
            "stages; say --by NAME and --why TEXT"
        )
    else:
        _refuse_judged_against_another(found, journal)
    if journal.champion is None:
        raise DecisionRefused(
            f"there is no champion yet that version {found.version} could challenge; "
            f"{_decision_for(found, journal)} makes it champion"
        )
    return journal.champion


def refuse_unless_comparable(found: Any, journal: Journal, challenger: ModelPackage, champion: ModelPackage) -> None:
    """A rollout compares both on the same kind of rides: the challenger needs what the champion needs, or less.

    Args:
        found: The challenger as MLflow gives it.
        journal: The decisions.
        challenger: Its package.
        champion: The champion's package.

    Raises:
        RideDurationError: The challenger needs the distance, and the champion does without.
    """
    needing = [package.manifest.get("distance") == "required" for package in (challenger, champion)]
    if needing == [True, False]:
        raise DecisionRefused(
            f"version {challenger.version} needs the distance and version {champion.version} does without, so that a "
            "rollout cannot compare them on the same rides, and who sends no distance would be refused in the end; "
            f"{_decision_for(found, journal)} decides it without a rollout"
        )


def refuse_report_against_another(compared: int | None, journal: Journal) -> None:
    """The report of a gate may be noted as long as the champion that it compared with is the champion.

    Args:
        compared: The version that was champion when the gate began, if there was one.
        journal: The decisions.

    Raises:
        RideDurationError: It is not.
    """
    if compared != journal.champion:
        raise DecisionRefused(
            f"the package was judged {_between(compared, journal.champion)}; `kedro run --pipelines=model_release`, "
            "with the --params and --env of its training, judges and releases it"
        )


def _decision_for(found: Any, journal: Journal) -> str:
    """The command that makes a version champion at once."""
    if status(found, journal) == AWAITING:
        return f"`kedro models approve {found.version} --by NAME --why TEXT`"
    return f"`kedro models promote {found.version}`"


def _refuse_unless(found: Any, journal: Journal, decided: str, allowed: tuple[str, ...]) -> None:
    present = status(found, journal)
    if present not in allowed:
        raise DecisionRefused(
            f"version {found.version} cannot be {decided}: its status is {present}; see `kedro models list`"
        )


def _refuse_judged_against_another(found: Any, journal: Journal) -> None:
    """What a gate found is of use only as long as the champion is the one that it compared with."""
    gate = judged_against(found.tags.get("gate"), journal.decisions)
    if gate is None or gate.previous != journal.champion:
        between = _between(gate.previous if gate else None, journal.champion)
        raise DecisionRefused(
            f"version {found.version} was judged {between}; "
            "`kedro run` with the --params of that version judges and releases it anew"
        )


def _between(compared: int | None, champion: int | None) -> str:
    then = "none" if compared is None else f"version {compared}"
    now = "there is none" if champion is None else f"version {champion} is"
    return f"when the champion was {then}, and {now} now"
