"""The one exception that a user may meet: it says what is wrong, where, and what to do."""


class RideDurationError(Exception):
    """A mistake that the user can mend. The command line prints its text alone, without a traceback."""
