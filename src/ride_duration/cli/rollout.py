"""`kedro models rollout` and `kedro models ab`: a challenger on its way, and how it compares with the champion."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from ride_duration.cli.context import chosen, same_choice
from ride_duration.cli.errors import report_errors
from ride_duration.cli.models import (
    NO_REASON,
    AboutVersion,
    chosen_registry,
    decided,
    examples,
    json_option,
    version_argument,
)
from ride_duration.cli.rollout_store import open_rollouts, stop_rollout
from ride_duration.cli.rollout_tables import ab_tables, rollout_entry, rollout_told
from ride_duration.cli.serving import service_settings
from ride_duration.provenance import author

if TYPE_CHECKING:
    from ride_duration.rollout.state_machine import Evidence, Step
    from ride_duration.serving.settings import ServiceSettings
    from ride_duration.store.rollouts import Rollout, Rollouts

_DATES = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]
_START = 'rollout start 3 --by Ana --why "learnt from March"'


@click.group(epilog=examples(_START, "rollout status", 'rollout stop --why "complaints from JFK"'))
def rollout() -> None:
    """Let a version take over step by step: first in the shadow, then on a growing share of the rides.

    `conf/base/parameters_rollout.yml` is the plan. The running service follows it: it goes on, makes the version
    champion at the end, or lets it answer no more as soon as it fails, is slow or is worse than the champion.
    """


@rollout.command(cls=AboutVersion, epilog=examples("rollout start 3", _START))
@version_argument
@decided()
def start(
    version: int,
    by: str | None,
    why: str | None,
    env: str | None,
    params: dict[str, Any],
    traceback: bool,
) -> None:
    """Let VERSION challenge the champion, by the plan: a former champion, a candidate, or one that awaits approval.

    Whoever begins the rollout of a version that awaits approval approves of it, if it passes all stages: --by and --why
    are required for that. As long as it has not passed them, it awaits approval as before.
    """
    with report_errors(traceback):
        settings = service_settings(env, params, {})
        from ride_duration.rollout.plan import parse_plan

        stage = parse_plan(settings.rollout).stages[0]
        registry = chosen_registry(env, params)
        against = registry.challenged_by(version, approved=bool(by and why))
        decider = by or author(registry.project)
        open_rollouts(settings).begin(version, against, stage.share, time.time(), decider, why or NO_REASON)
        click.echo(f"Version {version} challenges version {against} now, beginning with the stage {stage.name}.")
        click.echo(f"Next: `kedro models rollout status{same_choice(env, params)}` shows how it goes.")


@rollout.command(epilog=examples("rollout status", "rollout status --json"))
@json_option
@chosen
def status(as_json: bool, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Show where the rollout is, what was seen of the challenger, and what is awaited."""
    with report_errors(traceback):
        settings = service_settings(env, params, {})
        rollouts = open_rollouts(settings)
        last = rollouts.last()
        if last is None:
            _tell_none(as_json, same_choice(env, params))
            return
        evidence, step = _judged(settings, rollouts, last)
        from ride_duration.rollout.evidence import count_out_of_range

        out_of_range = count_out_of_range(rollouts.engine, last)
        if as_json:
            click.echo(json.dumps(rollout_entry(last, evidence, step, out_of_range), indent=2))
        else:
            rollout_told(last, evidence, step, out_of_range)
            click.echo(f"Next: `kedro models ab{same_choice(env, params)}` compares both versions.")


@rollout.command(epilog=examples('rollout stop --why "complaints from JFK"'))
@decided("why")
def stop(by: str | None, why: str, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Let the challenger answer no more; the champion answers as before."""
    with report_errors(traceback):
        settings = service_settings(env, params, {})
        stopped = stop_rollout(open_rollouts(settings), by or author(settings.project_path), why)
        click.echo(f"Version {stopped.version} answers no more within seconds; version {stopped.against} does.")
        click.echo(f"Next: `kedro models ab{same_choice(env, params)}` compares what both have answered.")


@click.command(epilog=examples("ab", "ab --since 2021-02-01", "ab --json"))
@click.option("--since", type=click.DateTime(_DATES), help="Rides asked about since then (local time) alone.")
@json_option
@chosen
def ab(since: datetime | None, as_json: bool, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Compare challenger and champion of the rollout, or of the last one, on rides whose actual duration is known.

    The intervals hold at all times at once: looking often makes no difference look real.
    """
    with report_errors(traceback):
        settings = service_settings(env, params, {})
        rollouts = open_rollouts(settings)
        last = rollouts.last()
        if last is None:
            _tell_none(as_json, same_choice(env, params))
            return
        from ride_duration.rollout.comparison import build_comparison
        from ride_duration.rollout.evidence import load_compared

        _, step = _judged(settings, rollouts, last)
        report = build_comparison(
            load_compared(rollouts.engine, last, since.timestamp() if since else last.began_at), step
        )
        if last.ended_at is not None:
            report["next"] = f"nothing: the rollout is {last.status} ({last.history[-1].why})"
        if as_json:
            entry = {"model": last.model, "version": last.version, "against": last.against, **report}
            click.echo(json.dumps(entry, indent=2))
        else:
            ab_tables(last, report)


def _tell_none(as_json: bool, same: str) -> None:
    if as_json:
        click.echo("null")
    else:
        click.echo(f"There was no rollout yet.\nNext: `kedro models rollout start VERSION{same}` begins one.")


def _judged(settings: ServiceSettings, rollouts: Rollouts, last: Rollout) -> tuple[Evidence | None, Step | None]:
    """What the service sees and does next, as long as the rollout goes on."""
    if last.ended_at is not None:
        return None, None
    from ride_duration.registry.reader import RegistryReader
    from ride_duration.rollout.evidence import collect_evidence, to_state
    from ride_duration.rollout.plan import parse_plan
    from ride_duration.rollout.state_machine import decide_next_step

    champion = RegistryReader(settings.project_path, settings.tracking, settings.model).champion()
    evidence = collect_evidence(rollouts.engine, last, champion)
    return evidence, decide_next_step(parse_plan(settings.rollout), to_state(last), evidence, datetime.now(UTC))
