"""Downloads from a server of the test's own that loses connections, is busy, or has nothing."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from kedro.io import DatasetError
from urllib3.util import Retry

from ride_duration.datasets import MonthFilesDataset
from ride_duration.datasets import download as download_module
from ride_duration.datasets.download import download
from ride_duration.datasets.month_files import RemoteFile
from ride_duration.errors import RideDurationError

MONTH = bytes(range(256)) * 40_000  # 10 MB: several chunks
NAME = "green_tripdata_2021-01.parquet"

Answer = Callable[["Handler"], None]


@dataclass
class Server:
    """What the server does, one answer after the other (the last one again and again), and what it was asked."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Answers as the test says."""

    script: Server

    def do_GET(self) -> None:
        self.script.asked.append(self.headers["Range"])
        answers = self.script.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def head(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(length), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def whole(handler: Handler) -> None:
    """The whole file, whatever was asked for."""
    handler.head(200, len(MONTH))
    handler.wfile.write(MONTH)


def rest(handler: Handler) -> None:
    """The part asked for, as a server does that knows Range."""
    wanted = handler.headers["Range"]
    if not wanted:
        whole(handler)
        return
    start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
    if start >= len(MONTH):
        handler.head(416, 0, Content_Range=f"bytes */{len(MONTH)}")
        return
    handler.head(206, len(MONTH) - start, Content_Range=f"bytes {start}-{len(MONTH) - 1}/{len(MONTH)}")
    handler.wfile.write(MONTH[start:])


def lost_after(part: int) -> Answer:
    """So many bytes of what was asked for, and then the connection is lost."""

    def answer(handler: Handler) -> None:
        start = int((handler.headers["Range"] or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        handler.head(206 if start else 200, len(MONTH) - start)
        handler.wfile.write(MONTH[start : start + part])
        handler.close_connection = True

    return answer


def status(code: int) -> Answer:
    """An answer without a body."""
    return lambda handler: handler.head(code, 0)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on a free port of this machine."""
    script = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Scripted", (Handler,), {"script": script}))
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    script.url = f"http://127.0.0.1:{http.server_port}/{NAME}"
    yield script
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    patient: Retry = download_module._RETRY
    monkeypatch.setattr(download_module, "_RETRY", patient.new(backoff_factor=0))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_month_is_fetched_whole_into_a_folder_that_need_not_be_there(server: Server, tmp_path: Path) -> None:
    server.answers = [rest]
    download(server.url, tmp_path / "raw/tlc" / NAME)
    assert (tmp_path / "raw/tlc" / NAME).read_bytes() == MONTH
    assert names(tmp_path / "raw/tlc") == [NAME]
    assert server.asked == [None]


def test_after_a_lost_connection_only_the_rest_is_asked_for(server: Server, tmp_path: Path) -> None:
    server.answers = [lost_after(4_000_000), lost_after(2_000_000), rest]
    download(server.url, tmp_path / NAME)
    assert (tmp_path / NAME).read_bytes() == MONTH
    starts = [int(asked.removeprefix("bytes=").rstrip("-")) for asked in server.asked if asked]
    assert len(starts) == 2
    assert 0 < starts[0] < starts[1] <= 6_000_000


def test_a_later_call_resumes_what_an_earlier_one_left(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(MONTH[:777])
    server.answers = [rest]
    download(server.url, tmp_path / NAME)
    assert server.asked == ["bytes=777-"]
    assert (tmp_path / NAME).read_bytes() == MONTH
    assert names(tmp_path) == [NAME]


def test_a_server_that_knows_no_ranges_is_asked_once_more_from_the_start(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(b"\0" * 777)
    server.answers = [lost_after(2_000_000), whole]
    download(server.url, tmp_path / NAME)
    assert (tmp_path / NAME).read_bytes() == MONTH


def test_a_part_that_is_already_whole_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(MONTH)
    server.answers = [rest]
    download(server.url, tmp_path / NAME)
    assert (tmp_path / NAME).read_bytes() == MONTH


def test_a_part_that_is_longer_than_the_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(MONTH + b"more")
    server.answers = [rest]
    download(server.url, tmp_path / NAME)
    assert (tmp_path / NAME).read_bytes() == MONTH
    assert server.asked == [f"bytes={len(MONTH) + 4}-", None]


@pytest.mark.parametrize("busy", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path, busy: int) -> None:
    server.answers = [status(busy), status(busy), whole]
    download(server.url, tmp_path / NAME)
    assert (tmp_path / NAME).read_bytes() == MONTH
    assert len(server.asked) == 3


def refusal(code: int, body: str, **headers: str) -> Answer:
    """An answer with a body that says why not."""

    def answer(handler: Handler) -> None:
        handler.head(code, len(body), **headers)
        handler.wfile.write(body.encode())

    return answer


NO_SUCH_FILE = "has no such file (HTTP {code}); months appear there about two months late"
LIMITED = "turns requests from here away for now (HTTP {code}); run again {wait}"


@pytest.mark.parametrize(
    ("code", "body", "headers", "said"),
    [
        (404, "", {}, NO_SUCH_FILE),
        (403, "<Error><Code>AccessDenied</Code></Error>", {"Content_Type": "application/xml"}, NO_SUCH_FILE),
        (403, "<H1>403 ERROR</H1> Request blocked.", {"Server": "CloudFront"}, LIMITED.replace("{wait}", "in an hour")),
        (403, "", {"Retry_After": "120"}, LIMITED.replace("{wait}", "in 120 seconds")),
        (403, "", {}, "is refused without a reason (HTTP {code}): either it has no such file"),
    ],
)
def test_a_refusal_says_whether_the_month_is_missing_or_requests_are_limited_and_is_not_repeated(
    server: Server, tmp_path: Path, code: int, body: str, headers: dict[str, str], said: str
) -> None:
    server.answers = [refusal(code, body, **headers)]
    with pytest.raises(RideDurationError) as told:
        download(server.url, tmp_path / NAME)
    assert f"{NAME} is not in {tmp_path} and {server.url} {said.format(code=code)}" in str(told.value)
    assert len(server.asked) == 1
    assert names(tmp_path) == []


@pytest.mark.parametrize("code", [503, 401])
def test_a_server_that_stays_unwilling_is_given_up_in_words(server: Server, tmp_path: Path, code: int) -> None:
    server.answers = [status(code)]
    with pytest.raises(RideDurationError) as told:
        download(server.url, tmp_path / NAME)
    assert f"{NAME} is not in {tmp_path} and cannot be downloaded from {server.url} (HTTP {code})" in str(told.value)
    assert names(tmp_path) == []


def test_a_connection_that_is_lost_each_time_leaves_only_the_part_that_arrived(server: Server, tmp_path: Path) -> None:
    server.answers = [lost_after(2_000_000)]
    with pytest.raises(RideDurationError, match=r"cannot be downloaded .* run again with a network"):
        download(server.url, tmp_path / NAME)
    assert names(tmp_path) == [f"{NAME}.part"]
    part = (tmp_path / f"{NAME}.part").read_bytes()
    assert part == MONTH[: len(part)]
    assert len(part) > 1_000_000

    server.answers = [rest]
    download(server.url, tmp_path / NAME)
    assert (tmp_path / NAME).read_bytes() == MONTH


def test_where_nobody_answers_the_words_say_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(RideDurationError) as told:
        download(f"http://127.0.0.1:{port}/{NAME}", tmp_path / NAME)
    assert f"{NAME} is not in {tmp_path} and cannot be downloaded" in str(told.value)
    assert "put the file there by hand, or run again with a network" in str(told.value)
    assert names(tmp_path) == []


def test_a_server_that_falls_silent_in_the_middle_is_asked_for_the_rest(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_module, "_TIMEOUT", (1, 0.2))
    over = threading.Event()

    def silent(handler: Handler) -> None:
        handler.head(200, len(MONTH))
        handler.wfile.write(MONTH[:3_000_000])
        over.wait(10)

    server.answers = [silent, rest]
    try:
        download(server.url, tmp_path / NAME)
    finally:
        over.set()
    assert (tmp_path / NAME).read_bytes() == MONTH


def test_a_month_that_cannot_be_fetched_is_not_entered_in_the_manifest(server: Server, tmp_path: Path) -> None:
    server.answers = [status(404)]
    with pytest.raises(DatasetError) as told:
        MonthFilesDataset(str(tmp_path)).save({NAME.removesuffix(".parquet"): RemoteFile(server.url)})
    assert isinstance(told.value.__cause__, RideDurationError)
    assert names(tmp_path) == []
