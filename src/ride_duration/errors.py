"""The exceptions that a user may meet: they say what is wrong, where, and what to do."""

import re

_USER_OF_WEB = re.compile(r"(https?://)[^/\s]*@")
_PASSWORD = re.compile(r"(://[^:/@\s]*:)\S*@")
_PASSWORD_ASKED = re.compile(r"([?&]password=)[^&\s)]*")


class RideDurationError(Exception):
    """A mistake that the user can mend. The command line prints its text alone, without a traceback."""


class ConfigurationError(RideDurationError):
    """A setting, parameter or option that a person wrote cannot be used."""


class NotFound(RideDurationError):  # noqa: N818  named as HTTP and registries name it
    """What was named does not exist."""


class RegistryUnavailable(RideDurationError):  # noqa: N818  a state of the registry
    """The registry cannot be reached or is busy, and has decided nothing; the same may be tried again later."""


class DecisionRefused(RideDurationError):  # noqa: N818  an outcome
    """The registry's rules forbid a decision about a version; nothing has changed."""


class IntegrityError(RideDurationError):
    """Something stored differs from what was recorded about it."""


class Unreachable(RideDurationError):  # noqa: N818  a state of what was asked, not a fault in it
    """What was asked is away or busy, and has decided nothing; the same may be asked again later."""


def without_passwords(text: str) -> str:
    """A text in which no address says a password: `user:***@host` of a database, `host` alone of a web server."""
    text = _USER_OF_WEB.sub(r"\1", text)
    return _PASSWORD_ASKED.sub(r"\1***", _PASSWORD.sub(r"\1***@", text))
