"""`kedro rollout`: start, follow and stop the rollout of a challenger, and compare it with the champion."""

from __future__ import annotations

import json
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
from ride_duration.cli.rollout_tables import print_comparison, print_rollout, rollout_entry
from ride_duration.cli.service import service_settings
from ride_duration.provenance import author

if TYPE_CHECKING:
    from ride_duration.rollout.state_machine import Evidence, Step
    from ride_duration.serving.settings import ServiceSettings
    from ride_duration.store.rollouts import Rollout, Rollouts

_DATES = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]
_START = 'start 3 --by Ana --why "trained on March"'


@click.group(epilog=examples(_START, "status", 'stop --why "complaints from JFK"', "compare", group="rollout"))
def rollout() -> None:
    """Let a version take over step by step: first as shadow, then on a growing share of the rides.

    `conf/base/parameters_rollout.yml` is the plan. The running service follows it: it advances, makes the version
    champion at the end, or rolls back as soon as the challenger fails, is slow or is worse than the champion.
    """


@rollout.command(cls=AboutVersion, epilog=examples("start 3", _START, group="rollout"))
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
    """Start the rollout of VERSION: of a former champion, a candidate, or a version that awaits approval.

    Starting the rollout of a version that awaits approval approves it if it passes all stages: --by and --why are
    required for that. As long as it has not passed them, it awaits approval as before.
    """
    with report_errors(traceback):
        settings = service_settings(env, params, {})
        from ride_duration.rollout.plan import parse_plan

        stage = parse_plan(settings.rollout).stages[0]
        registry = chosen_registry(env, params)
        against = registry.challenged_by(version, approved=bool(by and why))
        decider, now = by or author(registry.project), settings.open_clock().now()
        open_rollouts(settings).begin(version, against, stage.share, now, decider, why or NO_REASON)
        click.echo(f"Version {version} challenges version {against} now, beginning with the stage {stage.name}.")
        click.echo(f"Next: `kedro rollout status{same_choice(env, params)}` shows how it goes.")


@rollout.command(epilog=examples("status", "status --json", group="rollout"))
@json_option
@chosen
def status(as_json: bool, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Show the stage of the rollout, the evidence so far, and what the next step waits for."""
    with report_errors(traceback):
        settings = service_settings(env, params, {})
        rollouts = open_rollouts(settings)
        last = rollouts.last()
        if last is None:
            _print_none(as_json, same_choice(env, params))
            return
        evidence, step = _evaluate(settings, rollouts, last)
        from ride_duration.rollout.evidence import count_out_of_range

        out_of_range = count_out_of_range(rollouts.engine, last)
        if as_json:
            click.echo(json.dumps(rollout_entry(last, evidence, step, out_of_range), indent=2))
        else:
            print_rollout(last, evidence, step, out_of_range)
            click.echo(f"Next: `kedro rollout compare{same_choice(env, params)}` compares both versions.")


@rollout.command(epilog=examples('stop --why "complaints from JFK"', group="rollout"))
@decided("why")
def stop(by: str | None, why: str, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Stop the rollout: the champion serves all rides again."""
    with report_errors(traceback):
        settings = service_settings(env, params, {})
        decider, clock = by or author(settings.project_path), settings.open_clock()
        stopped = stop_rollout(open_rollouts(settings), clock, decider, why)
        click.echo(f"Rollout stopped: version {stopped.against} serves all rides again within seconds.")
        click.echo(f"Next: `kedro rollout compare{same_choice(env, params)}` compares what both have answered.")


@rollout.command(epilog=examples("compare", "compare --since 2021-02-01", "compare --json", group="rollout"))
@click.option("--since", type=click.DateTime(_DATES), help="Only rides predicted since then (local time).")
@json_option
@chosen
def compare(since: datetime | None, as_json: bool, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Compare challenger and champion of the rollout, or of the last one, on rides whose actual duration is known.

    The test is always valid: the intervals hold at all times at once, however often they are read.
    """
    with report_errors(traceback):
        settings = service_settings(env, params, {})
        rollouts = open_rollouts(settings)
        last = rollouts.last()
        if last is None:
            _print_none(as_json, same_choice(env, params))
            return
        from ride_duration.rollout.comparison import build_comparison
        from ride_duration.rollout.evidence import load_compared

        _, step = _evaluate(settings, rollouts, last)
        begin = since.timestamp() if since else last.began_at
        report = build_comparison(load_compared(rollouts.engine, last, begin), step)
        shown = build_comparison(load_compared(rollouts.engine, last, begin, shown=True), step)
        if shown["variants"] != report["variants"]:  # a live level has changed answers
            report |= {"variants_shown": shown["variants"], "differences_shown": shown["differences"]}
        if last.ended_at is not None:
            report["next"] = f"nothing: the rollout is {last.status} ({last.history[-1].why})"
        if as_json:
            entry = {"model": last.model, "version": last.version, "against": last.against, **report}
            click.echo(json.dumps(entry, indent=2))
        else:
            print_comparison(last, report)


def _print_none(as_json: bool, same: str) -> None:
    if as_json:
        click.echo("null")
    else:
        click.echo(f"There was no rollout yet.\nNext: `kedro rollout start VERSION{same}` begins one.")


def _evaluate(settings: ServiceSettings, rollouts: Rollouts, last: Rollout) -> tuple[Evidence | None, Step | None]:
    """What the service sees and does next, as long as the rollout goes on."""
    if last.ended_at is not None:
        return None, None
    from ride_duration.registry.reader import RegistryReader
    from ride_duration.rollout.evidence import collect_evidence, to_state
    from ride_duration.rollout.plan import parse_plan
    from ride_duration.rollout.state_machine import decide_next_step

    champion = RegistryReader(settings.project_path, settings.tracking, settings.model).champion()
    evidence = collect_evidence(rollouts.engine, last, champion)
    now = datetime.fromtimestamp(settings.open_clock().now(), UTC)
    return evidence, decide_next_step(parse_plan(settings.rollout), to_state(last), evidence, now)
