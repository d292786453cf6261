"""Names of pipelines, nodes, datasets and tags on the command line: completed where short, corrected where unknown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click
from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline
from kedro.utils import get_close_matches

#: Most names that a message lists.
_LISTED = 20


def chosen_pipeline(options: dict[str, Any]) -> Pipeline:
    """Return the pipeline that `kedro run` is asked for, before it is cut to some of its nodes.

    Raises:
        click.ClickException: There is no pipeline of that name.
    """
    names = [name for name in (options["pipeline"], *options["pipelines"]) if name] or ["__default__"]
    for name in names:
        if name not in pipelines:
            raise _unknown("pipeline", name, pipelines)
    return sum((pipelines[name] for name in names), Pipeline([]))


def complete_names(options: dict[str, Any], pipeline: Pipeline) -> dict[str, Any]:
    """Return the options of `kedro run` with nodes by their full names: short ones, as progress shows them, will do.

    Args:
        options: As Click has read them.
        pipeline: What they choose from.

    Raises:
        click.ClickException: The pipeline has no such node, dataset or tag, or several nodes of that short name.
    """
    nodes = {
        option: [_find_node(name, pipeline) for name in options[option]]
        for option in ("from_nodes", "to_nodes", "node_names")
    }
    datasets = {name.partition("@")[0] for name in pipeline.datasets()} | pipeline.datasets()
    for option in ("from_inputs", "to_outputs"):
        _check_known("dataset", options[option], datasets)
    _check_known("tag", options["tags"], {tag for node in pipeline.nodes for tag in node.tags})
    return options | nodes


def _find_node(name: str, pipeline: Pipeline) -> str:
    full_names = [node.name for node in pipeline.nodes]
    if name in full_names:
        return name
    found = [full for full in full_names if full.rpartition(".")[2] == name]
    if len(found) > 1:
        raise click.ClickException(f"several nodes are called '{name}': {', '.join(found)}; name one of them in full")
    if not found:
        raise _unknown("node", name, [*full_names, *(full.rpartition(".")[2] for full in full_names)])
    return found[0]


def _check_known(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise _unknown(what, name, known)


def _unknown(what: str, name: str, known: Iterable[str]) -> click.ClickException:
    names = sorted(set(known))
    close = get_close_matches(name, names)
    if close:
        hint = f"did you mean '{close[0]}'?"
    elif len(names) <= _LISTED:
        hint = f"there are: {', '.join(names)}"
    else:
        hint = "`kedro registry describe` lists the nodes of a pipeline, and `kedro catalog describe-datasets` datasets"
    where = "" if what == "pipeline" else " in the pipelines that would run"
    return click.ClickException(f"unknown {what} '{name}'{where}; {hint}")
