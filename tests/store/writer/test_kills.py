from pathlib import Path

from tests.support.store.kills import assert_none_lost_or_doubled, kill


def test_a_killed_process_loses_and_doubles_nothing(store_url: str, tmp_path: Path) -> None:
    acknowledged, found = kill(store_url, tmp_path / "journal", times=2, seed=4)
    assert len(acknowledged) >= 1_000
    assert_none_lost_or_doubled(acknowledged, found, times=2)
