"""The service's API for long: many thousand made-up requests, with and without keys."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ride_duration.serving.api_keys import SCOPES, add_key
from tests.serving.conftest import Models, models
from tests.support.serving.fuzz import fuzz
from tests.support.serving.service import Running

__all__ = ["models"]

pytestmark = pytest.mark.soak

CASES = 20_000
EXAMPLES = 1000
NO_DECISIONS = "--exclude-path-regex=deployments"


@pytest.fixture
def guarded(models: Models) -> Iterator[tuple[Running, str]]:
    """A service that requires keys, and a key that may do everything."""
    running = Running(models.project, models.champion().name, require_keys=True)
    made = add_key(running.folder / "api_keys.json", "all", SCOPES)
    with running:
        yield running, f"--header=Authorization: Bearer {made}"


def test_thousands_of_made_up_requests(models: Models, tmp_path: Path) -> None:
    cases, seed = 0, 0
    with Running(models.project, models.champion().name) as running:
        while cases < CASES:
            seed += 1
            cases += fuzz(running, tmp_path, EXAMPLES, "--workers=2", seed=seed)
        assert running.get("/live").json["errors"] == 0
        assert running.memory < 250
        print(f"{cases} cases, {running.memory:.0f} MB")


def test_made_up_requests_with_a_key(guarded: tuple[Running, str], tmp_path: Path) -> None:
    running, key = guarded
    assert fuzz(running, tmp_path, EXAMPLES // 5, key, NO_DECISIONS) > EXAMPLES
    assert fuzz(running, tmp_path, 2, key, "--include-path-regex=deployments", "--request-timeout=60") > 10
    assert running.get("/health").status == 200


def test_made_up_requests_without_a_key(guarded: tuple[Running, str], tmp_path: Path) -> None:
    running, _ = guarded
    assert fuzz(running, tmp_path, 100) > 100
