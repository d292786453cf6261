from pathlib import Path

from tests.store.kills import kill


def test_a_killed_process_loses_and_doubles_nothing(store_url: str, tmp_path: Path) -> None:
    kill(store_url, tmp_path / "journal", times=2, seed=4)
