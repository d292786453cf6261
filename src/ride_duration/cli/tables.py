"""Versions and their history, as tables for people and as JSON for scripts."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from ride_duration.registry import ChampionTenure, Version

#: Kinds of characters that a terminal obeys or hides: controls, bidirectional and other format marks, line separators;
#: and halves of characters, which it cannot be sent. Two format marks are part of spelling in some languages.
_OBEYED, _SPELLING = ("Cc", "Cf", "Cs", "Zl", "Zp"), "\u200c\u200d"

#: Columns of a table that goes to a file or another program: nothing is folded.
_WIDE = 1000


def version_entries(versions: Sequence[Version]) -> list[dict[str, Any]]:
    """Versions in terms of JSON: RMSE in minutes, null where the model cannot answer; times are UTC."""
    return [
        {
            "version": version.number,
            "status": version.status,
            "model": version.tags.get("model"),
            "train_data": version.tags.get("train_data"),
            "val_data": version.tags.get("val_data"),
            "rmse": _float(version.tags.get("rmse")),
            "rmse_without_distance": _float(version.tags.get("rmse_without_distance")),
            "simulated": version.tags.get("simulated") == "True",
            "released": version.released.isoformat(timespec="seconds"),
            "run_id": version.run_id,
            "gate": version.tags.get("gate"),
        }
        for version in versions
    ]


def history_entries(tenures: Sequence[ChampionTenure]) -> list[dict[str, Any]]:
    """Tenures in terms of JSON; times are UTC, `until` is null for the champion."""
    return [
        {
            "version": tenure.version,
            "since": tenure.since.isoformat(timespec="milliseconds"),
            "until": tenure.until.isoformat(timespec="milliseconds") if tenure.until else None,
            "decision": tenure.decision.kind,
            "by": tenure.decision.by,
            "why": tenure.decision.why,
            "run_id": tenure.decision.run_id,
            "gate": tenure.decision.report,
        }
        for tenure in tenures
    ]


def version_table(title: str, versions: Sequence[Version]) -> None:
    """Print versions; RMSE in minutes, with metered distance and at request time (no distance)."""
    columns = (
        "version",
        "status",
        "model",
        "trained on, evaluated on",
        "RMSE with distance / at request time",
        "released",
        "run",
    )
    rows = [
        (
            str(entry["version"]),
            entry["status"],
            entry["model"] or "",
            f"{entry['train_data']}, {entry['val_data']}" if entry["train_data"] else "",
            _rmse(entry),
            local_time(version.released),
            version.run_id[:8],
        )
        for version, entry in zip(versions, version_entries(versions), strict=True)
    ]
    print_table(title, columns, rows)


def history_table(title: str, tenures: Sequence[ChampionTenure]) -> None:
    """Print tenures."""
    columns = ("version", "from", "until", "decision", "by", "why", "report")
    rows = [
        (
            str(tenure.version),
            local_time(tenure.since),
            local_time(tenure.until) if tenure.until else "now",
            tenure.decision.kind,
            tenure.decision.by,
            tenure.decision.why,
            (tenure.decision.report or "")[:8],
        )
        for tenure in tenures
    ]
    print_table(title, columns, rows)


def printable(text: str, *, lines: bool = False) -> str:
    r"""Return text that people or files have given with escapes for what a terminal would obey, such as `\x1b`.

    Args:
        text: For instance why somebody decided something.
        lines: Whether the text may have several lines.
    """
    kept = _SPELLING + "\n" * lines

    def shown(character: str) -> str:
        if unicodedata.category(character) not in _OBEYED or character in kept:
            return character
        return character.encode("unicode_escape").decode()

    return text if text.isascii() and text.isprintable() else "".join(map(shown, text))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table that nothing is cut off from."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(printable(value)) for value in row))
    console().print(Text(printable(title, lines=True)), shown, sep="\n")


def console() -> Console:
    """As wide as the terminal; what goes into a file or to another program is not cut."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _WIDE)


def _rmse(entry: dict[str, Any]) -> str:
    after, before = (
        "n/a (needs the distance)" if entry[name] is None else f"{entry[name]:.3f}"
        for name in ("rmse", "rmse_without_distance")
    )
    return f"{after} / {before}{' (simulated)' if entry['simulated'] else ''}"


def _float(text: str | None) -> float | None:
    return None if text is None else float(text)


def local_time(time: datetime) -> str:
    """For instance 2021-02-01 17:30."""
    return f"{time.astimezone():%Y-%m-%d %H:%M}"


def show_progress(line: str, *, is_last: bool = False, is_loud: bool = False) -> None:
    """Show how far long work is: on a terminal always in the same line, elsewhere only what is the last or loud.

    Args:
        line: Takes the place of the one before.
        is_last: Whether the work is done; the line stays.
        is_loud: Whether files and logs get this line, too.
    """
    if sys.stderr.isatty():
        click.echo(f"\r{line}\033[K", nl=is_last, err=True)
    elif is_last or is_loud:
        click.echo(line, err=True)
