"""The archive of zone shapes: fetched once, whole, and not missed where it cannot be fetched."""

import hashlib
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ride_duration.datasets import ZoneArchiveDataset
from ride_duration.datasets.month_files import RemoteFile

ARCHIVE = b"PK\x03\x04" + bytes(range(256)) * 900


@dataclass
class Server:
    """What the server sends, and from which byte on it was asked."""

    url: str = ""
    content: bytes = ARCHIVE
    begun: list[int] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    script = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            begin = int((self.headers["Range"] or "bytes=0-")[6:-1])
            script.begun.append(begin)
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(script.content) - begin))
            self.end_headers()
            self.wfile.write(script.content[begin:])

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    script.url = f"http://127.0.0.1:{running.server_port}/taxi_zones.zip"
    yield script
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "zones" / "taxi_zones.zip"


def test_it_is_fetched_once_and_entered_with_its_hash(server: Server, path: Path) -> None:
    dataset = ZoneArchiveDataset(str(path))
    assert not dataset.exists()
    assert dataset.load() == {}
    for _ in range(2):
        dataset.save({"taxi_zones": RemoteFile(server.url)})
    assert server.begun == [0]
    assert dataset.load() == {"taxi_zones.zip": ARCHIVE}
    entry = json.loads((path.parent / "manifest.json").read_text())["taxi_zones.zip"]
    assert entry == {"sha256": hashlib.sha256(ARCHIVE).hexdigest(), "bytes": len(ARCHIVE), "origin": server.url}


def test_a_download_that_was_cut_off_is_resumed(server: Server, path: Path) -> None:
    path.parent.mkdir()
    path.with_name("taxi_zones.zip.part").write_bytes(ARCHIVE[:1000])
    dataset = ZoneArchiveDataset(str(path))
    dataset.save({"taxi_zones": RemoteFile(server.url)})
    assert server.begun == [1000]
    assert dataset.load() == {"taxi_zones.zip": ARCHIVE}


def test_without_a_network_one_warning_is_given(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset = ZoneArchiveDataset(str(path))
    with caplog.at_level(logging.WARNING, "ride_duration"):
        dataset.save({"taxi_zones": RemoteFile("http://127.0.0.1:1/taxi_zones.zip")})
    [said] = [record.getMessage() for record in caplog.records if record.name.startswith("ride_duration")]
    assert said.startswith(
        "Going on without the shapes of the taxi zones, which are optional: taxi_zones.zip is not in"
    )
    assert "put the file there by hand" in said
    assert dataset.load() == {}


def test_what_is_not_an_archive_is_not_kept(server: Server, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server.content = b"<html>busy</html>"
    dataset = ZoneArchiveDataset(str(path))
    dataset.save({"taxi_zones": RemoteFile(server.url)})
    assert "did not send a zip archive" in caplog.text
    assert not dataset.exists()


def test_a_file_put_there_by_hand_is_used_and_one_that_changed_is_not(
    server: Server, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_bytes(b"PK\x03\x04 by hand")
    dataset = ZoneArchiveDataset(str(path))
    dataset.save({"taxi_zones": RemoteFile(server.url)})
    assert dataset.load() == {"taxi_zones.zip": b"PK\x03\x04 by hand"}
    path.unlink()
    dataset.save({"taxi_zones": RemoteFile(server.url)})
    path.write_bytes(ARCHIVE[:-1])
    assert dataset.load() == {}
    assert "is not what was downloaded and is not used; delete it to have it again" in caplog.text
