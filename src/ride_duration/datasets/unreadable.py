"""What to say of a month at which reading failed: one sentence for each kind of failure, true of all of its kind."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from ride_duration.errors import RideDurationError

_MAGIC = b"PAR1"
#: How foreign files begin, in lower case, and what they are.
_FOREIGN = (
    (b"<", "it is a web page or XML, as servers send it in place of a file"),
    (b"\x1f\x8b", "it is compressed with gzip: unpack it first"),
    (b"pk\x03\x04", "it is a zip archive: unpack it first"),
)
#: Of the engine's errors those that speak of values, by the names of their classes.
_OF_VALUES = ("ConversionException", "OutOfRangeException")
#: Those that speak of bytes: damage, wherever in the file it lies.
_OF_BYTES = ("ArrowInvalid", "InvalidInputException", "SerializationException")
#: Those that speak of bytes or of the system, as their words say; and the words for damage, in lower case.
_OF_BYTES_OR_SYSTEM = ("OSError", "IOException", "Error")
_DAMAGE = re.compile(
    "magic bytes|too small|enough bytes|end of stream|corrupt|decompress|snappy|gzip|out of buffer|"
    "thrift|tprotocol|ttype|know what type|varint"
)
_OF_MEMORY = ("MemoryError", "ArrowMemoryError", "OutOfMemoryException")
#: How the engine's errors begin, which pyarrow raises as its own while it streams, and their classes.
_STREAMED = {
    "IO Error": "IOException",
    "Invalid Input Error": "InvalidInputException",
    "Serialization Error": "SerializationException",
    "Conversion Error": "ConversionException",
    "Out of Range Error": "OutOfRangeException",
    "Out of Memory Error": "OutOfMemoryException",
}


def explain_unreadable(  # noqa: PLR0911  one return for each kind of failure
    file: str, error: Exception, path: Path | None = None
) -> RideDurationError:
    """Return what to say of a file at which reading failed.

    Args:
        file: Its name.
        error: Of pyarrow, the data engine or the operating system.
        path: Where it lies, where that is known: its bytes say more than most errors.
    """
    if isinstance(error, RideDurationError):
        return RideDurationError(str(error))  # another one: no error may be its own cause
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    reason = _first_line(cause)
    kind = _STREAMED.get(reason.partition(":")[0], type(cause).__name__)
    if isinstance(cause, PermissionError) or "Permission denied" in reason:
        return RideDurationError(
            f"{file} may not be read ({reason}); give yourself permission to read it and run again"
        )
    if kind in _OF_MEMORY:
        return RideDurationError(
            f"the memory did not suffice to read {file} ({reason}); the file is not at fault: "
            "end other programs, or lower engine_threads, and run again"
        )
    if isinstance(cause, FileNotFoundError) or "No files found" in reason or "No such file" in reason:
        return RideDurationError(f"{file} is not there any more ({reason}); put it back, or run again to get it again")
    if kind in _OF_VALUES:
        return RideDurationError(
            f"{file} holds a value that the data engine cannot take ({reason}); correct it, or leave that month out"
        )
    of_system = isinstance(cause, OSError) and cause.errno not in (None, errno.EINVAL)
    found = "" if of_system else _find_damage(kind, reason, path)
    if found:
        return RideDurationError(
            f"{file} cannot be read as parquet ({found}); "
            "put a whole copy in its place, or delete it and run again to get it again"
        )
    if isinstance(cause, OSError) or kind == "IOException":
        return RideDurationError(
            f"{file} cannot be read from the disk ({reason}); the file itself may be sound: "
            "see to the disk and to the limits of the system, and run again"
        )
    return RideDurationError(
        f"the data engine failed while it read {file} ({kind}: {reason}); the file itself may be sound: "
        "run again, and if that fails too, with --traceback"
    )


def _find_damage(kind: str, reason: str, path: Path | None) -> str:
    """Say in what way a file is damaged; empty if nothing speaks for it."""
    if kind not in _OF_BYTES + _OF_BYTES_OR_SYSTEM:
        return ""
    try:
        found = describe_bytes(path) if path is not None and path.is_file() else ""
    except OSError:  # what keeps the engine from reading it may keep us from it, too
        found = ""
    said = re.sub(r"""(["'])[^"']*[/\\][^"']*\1""", "", reason).lower()  # a path may hold any word
    return found or (reason if kind in _OF_BYTES or _DAMAGE.search(said) else "")


def describe_bytes(path: Path) -> str:
    """Say what a file is in place of parquet; empty if it begins and ends as parquet does."""
    with path.open("rb") as file:
        head = file.read(512)
        file.seek(max(0, path.stat().st_size - len(_MAGIC)))
        tail = file.read()
    if not head:
        return "it is empty"
    if head.startswith(_MAGIC):
        return "" if tail == _MAGIC and path.stat().st_size > len(_MAGIC) else "it is cut short: its end is missing"
    for beginning, what in _FOREIGN:
        if head.lstrip().lower().startswith(beginning):
            return what
    text = not head.translate(None, bytes(range(32, 127)) + b"\t\r\n")
    return "it is text, such as CSV: convert it to parquet first" if text else "it is not parquet at all"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
