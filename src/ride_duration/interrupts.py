"""Once this is imported, Ctrl-C ends a command with one line instead of a traceback, also while it still loads.

Commands that have begun say more; this is for the seconds before, in which libraries are imported.
"""

import sys
from types import TracebackType

_show = sys.excepthook


def _show_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("Error: interrupted\n")
    else:
        _show(kind, error, trace)


sys.excepthook = _show_error
