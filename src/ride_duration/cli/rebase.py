"""`kedro monitor rebase`: a change is accepted as what days are compared with from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ride_duration.cli.context import load_context, same_choice
from ride_duration.cli.errors import report_errors
from ride_duration.cli.models import decided, examples
from ride_duration.cli.tables import printable
from ride_duration.errors import DecisionRefused, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ride_duration.store.monitoring import DecisionRow, VerdictRow

_REBASE = 'rebase --by Ana --why "the new speed limit stays; retraining waits for May"'


@click.command(epilog=examples(_REBASE, group="monitor"))
@decided("by", "why")
def rebase(by: str, why: str, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Accept what the newest official verdict found as the new reference of the version that it evaluated.

    Level, error and daily movement are then compared with what was accepted, from the first day of the change on; other
    rides with those that were accepted. It holds for that version alone. The model itself is not changed.
    """
    with report_errors(traceback):
        from ride_duration.pipelines.monitoring.verdict_text import describe_acceptance
        from ride_duration.store.monitoring import REBASE, DecisionRow

        catalog, same = load_context(env, params).catalog, same_choice(env, params)
        verdicts = catalog.load("conclusion")
        verdict, offer = find_offer(verdicts, catalog.load("accepted_changes") if verdicts else [], same)
        catalog.save(
            "accepted_changes", DecisionRow(verdict.version, REBASE, 0.0, by, why, offer | {"verdict": verdict.number})
        )
        decision = catalog.load("accepted_changes")[0]
        entry = {**offer, "drifted": sorted(offer["rides"]), "by": by, "why": why, "at": decision.at}
        text = f"Version {verdict.version} is compared {describe_acceptance(entry)}."
        click.echo(printable(text))
        window = f"kedro monitor run --window {verdict.window}{same}"
        click.echo(f"Next: `{window}` evaluates it so; `kedro monitor status{same}` shows the decision.")


def find_offer(
    verdicts: Sequence[VerdictRow], decisions: Sequence[DecisionRow], same: str = ""
) -> tuple[VerdictRow, dict[str, Any]]:
    """Return the newest official verdict, and what it offers to be accepted.

    Args:
        verdicts: About the model, the newest first.
        decisions: About the model, the newest first.
        same: Options that choose the same model again, for messages.

    Raises:
        NotFound: There is no official verdict yet.
        DecisionRefused: It found nothing that could be accepted, or that was accepted already.
    """
    again = f"`kedro monitor run --window WINDOW{same}`"
    if not verdicts:
        raise NotFound(f"there is no verdict yet whose change could be accepted; {again} makes one")
    verdict = next((one for one in verdicts if one.official), None)
    if verdict is None:
        raise NotFound(
            f"all verdicts so far are exploratory, and only what an official one found can be accepted; "
            f"`kedro monitor run --window last_28d{same}` (official_window), without other thresholds, makes one"
        )
    since = next((one for one in decisions if _is_about(one, verdict)), None)
    if since is not None:
        raise DecisionRefused(
            f"{since.by} has already accepted what the newest official verdict about version {verdict.version} found; "
            f"{again} looks for another one"
        )
    if "offer" not in verdict.details:
        raise DecisionRefused(
            f"the newest official verdict was made by a former program; {again} makes one that can be accepted"
        )
    offer = verdict.details["offer"]
    if offer is None:
        reason = {
            "ok": "nothing has changed",
            "insufficient": "too little is known",
            "incident": "something is broken, which is no reference",
        }.get(verdict.verdict, "the change is over")
        raise DecisionRefused(
            f"there is nothing to accept: the newest official verdict ({verdict.first} to {verdict.last}) is "
            f"{verdict.verdict}: {reason}"
        )
    return verdict, dict(offer)


def _is_about(decision: DecisionRow, verdict: VerdictRow) -> bool:
    """Return whether a decision accepts what this verdict found, or what a newer one did.

    On a clock that stands still several verdicts and decisions have one time: then the number of the verdict tells,
    which decisions of former programs do not have.
    """
    if decision.version != verdict.version or decision.at < verdict.computed_at:
        return False
    return bool(decision.at > verdict.computed_at or decision.accepted.get("verdict", verdict.number) >= verdict.number)
