from pathlib import Path

import pytest

from tests.store.conftest import postgres, store_url  # noqa: F401  fixtures
from tests.store.kills import kill

pytestmark = pytest.mark.soak


def test_ten_kills_lose_and_double_nothing(store_url: str, tmp_path: Path) -> None:  # noqa: F811
    kill(store_url, tmp_path / "journal", times=10, seed=10)
