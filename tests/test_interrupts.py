"""Ctrl-C while a command loads."""

import signal
import subprocess
import sys

import pytest

#: Interrupts the import of a module, as Ctrl-C would.
_INTERRUPT = """
import runpy, sys

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            raise {error}

sys.meta_path.insert(0, Interrupter())
sys.argv = ["ride-duration", *{arguments!r}]
runpy.run_module({begun!r}, run_name="__main__")
"""


def load(begun: str, name: str, arguments: list[str], error: str) -> subprocess.CompletedProcess[str]:
    code = _INTERRUPT.format(begun=begun, name=name, arguments=arguments, error=error)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("begun", "name", "arguments"),
    [
        ("ride_duration.settings", "ride_duration.config_loader", []),
        ("ride_duration.__main__", "ride_duration.serving.__main__", ["service", "start"]),
        ("ride_duration.serving", "ride_duration.errors", []),
    ],
)
def test_an_interrupt_while_a_command_loads_is_one_line(begun: str, name: str, arguments: list[str]) -> None:
    ended = load(begun, name, arguments, "KeyboardInterrupt")
    assert (ended.stderr, ended.stdout) == ("Error: interrupted\n", "")
    assert ended.returncode == -signal.SIGINT
    assert "Traceback" in load(begun, name, arguments, "ImportError('not here')").stderr
