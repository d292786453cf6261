"""`kedro models`: which versions there are, which one answers, and who decided so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ride_duration.cli.context import chosen, chosen_model, load_context, same_choice
from ride_duration.cli.errors import report_errors
from ride_duration.cli.rollout_store import describe_rollout
from ride_duration.cli.tables import history_entries, history_table, version_entries, version_table
from ride_duration.provenance import author

if TYPE_CHECKING:
    from ride_duration.registry import Decision, Registry

NO_REASON = "no reason given"


class AboutVersion(click.Command):
    """A command about a version: `-1` is no option that does not exist, but no version either."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for given in args:
            if re.fullmatch(r"-\d+", given):
                raise click.ClickException(_no_version(given))
        return super().parse_args(ctx, args)


def _version(_context: click.Context, _param: click.Parameter, given: str) -> int:
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", given, re.ASCII):
        raise click.ClickException(_no_version(given))
    return int(given)


def _no_version(given: str) -> str:
    return f"'{given}' is no version; versions are counted 1, 2, 3, ..., and `kedro models list` shows them"


def _words(_context: click.Context, param: click.Parameter, given: str | None) -> str | None:
    if given is not None and not given.strip():
        raise click.ClickException(f"--{param.name} is blank; what is decided is kept with who decided it and why")
    return given


def decided(*required: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Options of a decision; `by` and `why` may be required."""
    default = "" if "by" in required else "; default: git's user name"
    by = click.option("--by", metavar="NAME", required="by" in required, callback=_words, help=f"Who decides{default}.")
    text = "Why, for the history."
    why = click.option("--why", metavar="TEXT", required="why" in required, callback=_words, help=text)
    return lambda command: by(why(chosen(command)))


version_argument = click.argument("version", callback=_version)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts; times are UTC.")


def examples(*commands: str, group: str = "models") -> str:
    """Return examples to stand below a command's help."""
    return "\n".join(["\b", "Examples:", *(f"  kedro {group} {command}" for command in commands)])


@click.group(epilog=examples("list", "history", "rollback", 'approve 3 --by Ana --why "fair on every borough"'))
def models() -> None:
    """See which model answers rides, and decide which one does.

    A model that passes its gate becomes a version of `ride-duration-SERVICE-SOURCE`; --env and --params choose which.
    """


@models.command("list", epilog=examples("list", "list --env tlc --params=taxi_type=yellow", "list --json"))
@json_option
@chosen
def list_versions(as_json: bool, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """List the versions, the newest first: what each is, what it was trained on, and how good it was."""
    with report_errors(traceback):
        registry, same = chosen_registry(env, params), same_choice(env, params)
        versions = registry.versions()
        if as_json:
            click.echo(json.dumps(version_entries(versions), indent=2))
        elif not versions:
            click.echo(f"There is no version of {registry.name} yet.\nNext: `kedro run{same}` releases the first.")
        else:
            version_table(registry.name, versions)
            awaiting = [version.number for version in versions if version.status == "awaiting approval"]
            if awaiting:
                named = f'{awaiting[0]} --by NAME --why "..."{same}'
                click.echo(f"Next: `kedro models approve {named}`, or `reject`.")
                if any(version.status == "champion" for version in versions):
                    click.echo(f"      `kedro rollout start {named}` tries it on real rides first.")
            else:
                click.echo(f"Next: `kedro models history{same}` shows who was champion when.")


@models.command(epilog=examples("history", "history --env tlc", "history --json"))
@json_option
@chosen
def history(as_json: bool, env: str | None, params: dict[str, Any], traceback: bool) -> None:
    """Show who was champion from when to when (local time), by whom and why, the oldest first.

    The last column begins the id of the MLflow run that keeps the report of the version's gate.
    """
    with report_errors(traceback):
        registry, same = chosen_registry(env, params), same_choice(env, params)
        tenures = registry.history()
        if as_json:
            click.echo(json.dumps(history_entries(tenures), indent=2))
        elif not tenures:
            click.echo(f"No version of {registry.name} has been champion yet.\nNext: `kedro models list{same}`.")
        else:
            history_table(registry.name, tenures)
            click.echo("Next: `make ui` shows each report (experiment `releases`, the artifacts of the run).")


@models.command(cls=AboutVersion, epilog=examples("promote 3", 'promote 3 --by Ana --why "best on snow days"'))
@version_argument
@decided()
def promote(version: int, **options: Any) -> None:
    """Make VERSION the champion: a candidate, or a former champion once more."""
    _decide(lambda registry, by, why: registry.promote(version, by, why), **options)


@models.command(epilog=examples("rollback", 'rollback --by Ana --why "too long to JFK since Monday"'))
@decided()
def rollback(**options: Any) -> None:
    """Make the champion's predecessor champion again, after each of its files was checked.

    Each rollback undoes the latest promotion that none has undone yet.
    """
    _decide(lambda registry, by, why: registry.rollback(by, why), **options)


@models.command(cls=AboutVersion, epilog=examples('approve 3 --by Ana --why "fair on every borough"'))
@version_argument
@decided("by", "why")
def approve(version: int, **options: Any) -> None:
    """Make VERSION, which awaits approval, the champion."""
    _decide(lambda registry, by, why: registry.approve(version, by, why), **options)


@models.command(cls=AboutVersion, epilog=examples('reject 3 --by Ana --why "the Bronx is too short"'))
@version_argument
@decided("by", "why")
def reject(version: int, **options: Any) -> None:
    """Refuse VERSION, which was never champion, for good."""
    _decide(lambda registry, by, why: registry.reject(version, by, why), **options)


def _decide(
    act: Callable[[Registry, str, str], Decision],
    by: str | None,
    why: str | None,
    env: str | None,
    params: dict[str, Any],
    traceback: bool,
) -> None:
    with report_errors(traceback):
        registry, same = chosen_registry(env, params), same_choice(env, params)
        decision = act(registry, by or author(registry.project), why or NO_REASON)
        click.echo(_outcome(decision))
        if note := describe_rollout(decision, env, params):
            click.echo(note)
        can_undo = decision.kind in ("promotion", "approval") and decision.previous
        undo = f"; `kedro models rollback{same}` undoes this" if can_undo else ""
        click.echo(f"Next: `kedro models history{same}` shows who was champion when{undo}.")


def _outcome(decision: Decision) -> str:
    version, previous = decision.version, decision.previous
    if decision.kind == "rejection":
        return f"Version {version} is rejected; " + (
            f"version {previous} stays champion." if previous else "there is no champion yet."
        )
    if decision.kind == "rollback":
        return f"Version {version} is champion again" + (f", in place of version {previous}." if previous else ".")
    return f"Version {version} is champion now" + (f", after version {previous}." if previous else ".")


def chosen_registry(env: str | None, params: dict[str, Any]) -> Registry:
    """The registry of the model that an environment and parameters choose."""
    from ride_duration.registry import Registry

    context = load_context(env, params)
    tracking = context.config_loader["globals"]["tracking"]
    return Registry(context.project_path, tracking, chosen_model(context))
