"""API keys: kept as hashes, with what each may do."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec

from ride_duration.atomic import lock_folder, write_private
from ride_duration.errors import RideDurationError

#: Ask for answers; report actuals; decide which model answers.
PREDICT, FEEDBACK, OPERATE = "predict", "feedback", "operate"
SCOPES = (PREDICT, FEEDBACK, OPERATE)


class Key(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A key as it is kept.

    Attributes:
        name: Whose it is.
        sha256: Of the key: it has 256 random bits, so that a plain hash cannot be undone.
        scopes: What it may do.
    """

    name: str
    sha256: str
    scopes: tuple[str, ...]


def read_keys(path: Path) -> dict[str, Key]:
    """Keys by hash; none where there is no file.

    Raises:
        RideDurationError: The file cannot be used.
    """
    try:
        keys = msgspec.json.decode(path.read_bytes(), type=list[Key])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        raise RideDurationError(f"the API keys in {path} cannot be read: {error}") from error
    return {key.sha256: key for key in keys}


def add_key(path: Path, name: str, scopes: tuple[str, ...]) -> str:
    """Make a key.

    Args:
        path: Of the file; made if it is not there.
        name: Whose it is; no two have the same.
        scopes: What it may do.

    Returns:
        The key itself, which is kept nowhere.

    Raises:
        RideDurationError: There is a key of that name, the name is none, or a scope does not exist.
    """
    if not re.fullmatch(r"[!-~]([ -~]{0,98}[!-~])?", name):
        raise RideDurationError(
            "a key is named after who uses it: up to 100 letters, digits and signs, such as dispatch"
        )
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise RideDurationError(f"there is no scope '{unknown[0]}'; there are: {', '.join(SCOPES)}")
    made = f"rd_{secrets.token_urlsafe(32)}"
    with _changed(path) as keys:
        if any(key.name == name for key in keys):
            raise RideDurationError(f"there is a key named '{name}' already; remove it first, or choose another name")
        keys.append(Key(name, hash_key(made), scopes))
    return made


def remove_key(path: Path, name: str) -> None:
    """Take a key's rights away; services read the file again within a second.

    Raises:
        RideDurationError: There is none of that name.
    """
    with _changed(path) as keys:
        left = [key for key in keys if key.name != name]
        if len(left) == len(keys):
            there = ", ".join(key.name for key in keys) or "none"
            raise RideDurationError(f"there is no key named '{name}'; there are: {there}")
        keys[:] = left


def hash_key(key: str) -> str:
    """The hash that is kept of a key."""
    return sha256(key.encode()).hexdigest()


@contextmanager
def _changed(path: Path) -> Iterator[list[Key]]:
    """Give the keys of a file, to be changed: they are written when the block ends without an error."""
    with lock_folder(path.parent):
        keys = list(read_keys(path).values())
        yield keys
        write_private(path, msgspec.json.format(msgspec.json.encode(keys)) + b"\n")
