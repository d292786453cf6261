"""Tests that need programs of the system: skipped where these are missing, failed where no skip is allowed."""

import shutil

import pytest

from tests.conftest import program

pytest_plugins = ["pytester"]

HERE, ABSENT = "ls", "no-such-program"
TESTS = f"""
import pytest

@pytest.mark.needs("{HERE}")
def test_here(): pass

@pytest.mark.needs("{HERE}", "{ABSENT}")
def test_absent(): raise AssertionError

@pytest.mark.skip(reason="for another reason")
def test_skipped(): pass

@pytest.mark.xfail
def test_known_to_fail(): raise AssertionError
"""
NO_MODULE = "import pytest; pytest.importorskip('no_such_module')"
PLUGIN = ("-p", "tests.conftest", "-p", "no:cacheprovider", "-rs")


def test_a_test_is_skipped_where_a_program_is_not_installed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORBID_SKIPS", raising=False)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(passed=1, skipped=2, xfailed=1)
    result.stdout.fnmatch_lines([f"*{ABSENT} is not installed; `make system-deps` installs it on Debian"])


def test_no_skip_is_allowed_where_that_is_forbidden(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORBID_SKIPS", "1")
    pytester.makepyfile(TESTS)
    pytester.makepyfile(test_module=NO_MODULE)
    result = pytester.runpytest_inprocess(*PLUGIN, "--continue-on-collection-errors")
    result.assert_outcomes(passed=1, errors=3, xfailed=1)


def test_programs_are_found_by_their_path() -> None:
    assert program(HERE) == shutil.which(HERE)
    assert program(ABSENT) == ""
