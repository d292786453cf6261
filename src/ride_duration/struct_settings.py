"""Groups of parameters as msgspec structs, with one message for what cannot be used."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from ride_duration.errors import ConfigurationError

T = TypeVar("T", bound=msgspec.Struct)


def convert_settings(given: Any, kind: type[T], group: str, failure: str) -> T:
    """Return a group of parameters as a struct.

    Args:
        given: What YAML says.
        kind: The struct.
        group: Name of the group, for instance serving.
        failure: What cannot be done without, for instance `the service cannot be started`.

    Raises:
        ConfigurationError: A value cannot be used; names it.
    """
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        said = str(error).replace("`$.", f"`{group}.").replace("`", "").replace(" - at $", f" - at {group}")
        raise ConfigurationError(f"{failure}: {said}") from error
