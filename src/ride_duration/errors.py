"""The exceptions that a user may meet: they say what is wrong, where, and what to do next."""

import re

_USER_OF_WEB = re.compile(r"(https?://)[^/\s]*@")
_PASSWORD = re.compile(r"(://[^:/@\s]*:)\S*@")
_PASSWORD_PARAMETER = re.compile(r"([?&]password=)[^&\s)]*")


class RideDurationError(Exception):
    """A problem that the user can solve. The command line prints its text alone, without a traceback."""


class ConfigurationError(RideDurationError):
    """A setting, a parameter or the environment cannot be used: the project's folder, a package that is missing."""


class NotFound(RideDurationError):  # noqa: N818  the name of the kind, as HTTP has it
    """What was named does not exist: a version, a run, a commit."""


class RegistryUnavailable(RideDurationError):  # noqa: N818  a state of the registry
    """The registry, or the tracking store behind it, is away or busy. It decided nothing; the caller may retry."""


class DecisionRefused(RideDurationError):  # noqa: N818  the answer to a request
    """The present state does not allow the decision that was requested, for instance a version's status."""


class IntegrityError(RideDurationError):
    """Files are damaged, gone, or not those that were recorded."""


def without_passwords(text: str) -> str:
    """Return a text without the passwords of its addresses: `user:***@host` of a database, `host` of a web server."""
    text = _USER_OF_WEB.sub(r"\1", text)
    return _PASSWORD_PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1***@", text))
