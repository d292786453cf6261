import os
from pathlib import Path

import pytest

from ride_duration.store.writer.entries import encode_entry
from ride_duration.store.writer.segment import open_segment
from tests.support.store.samples import predictions


def test_a_segment_can_be_read_by_another_thread_while_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encode_entry(predictions(3))
    (tmp_path / "1.journal2").write_bytes(content)
    segment = open_segment(tmp_path / "1.journal2")
    close, found = os.close, []

    def close_and_read(fd: int) -> None:
        close(fd)
        found.append(segment.read(0, 1_000_000)[0])

    copy = os.open(tmp_path / "2.journal2", os.O_CREAT | os.O_RDWR)
    with monkeypatch.context() as patch:
        patch.setattr(os, "close", close_and_read)  # the moments at which another thread is likeliest to meet it
        segment.copy_to(tmp_path / "2.journal2", copy)
    os.close(copy)
    found.append(segment.read(0, 1_000_000)[0])
    assert set(found) == {content}
    assert segment.size_by_name() == len(content)
    assert not os.get_inheritable(segment._fd)
    segment.close()
