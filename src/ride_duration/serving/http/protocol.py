"""HTTP/1.1 by uvicorn, with limits to how long requests and answers may take, and to what comes before a body."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ride_duration.serving.http.problem_details import MEDIA_TYPE, HttpProblem

if TYPE_CHECKING:
    from asyncio import TimerHandle
    from collections.abc import Callable

    from uvicorn._types import ASGI3Application

#: Bytes of a header, and of the address in it; large data are parsed in pieces of this size, and looked at after each.
_HEADER_BYTES, _URL_BYTES, _PIECE = 32_768, 8192, 8192

#: Bytes of a header's line beside its name and value: colon, space and the line's end.
_LINE_BYTES = 4

#: Bytes around a chunk, and around each byte of a body, that do not count as an excess: as in Go's `net/http`.
_CHUNK_BYTES, _CHUNKED_BYTE = 16, 2

#: Requests of one connection that wait for the answer to the one before.
_PIPELINED = 100


def make_timeout_protocol(seconds: float, on_refusal: Callable[[int], None]) -> type[asyncio.Protocol]:
    """Return a protocol that closes connections whose request still arrives, or whose answer still leaves, too late.

    At any time a request is being answered or a clock runs: one of these, or uvicorn's while a connection is idle after
    an answer. Requests that arrive in one piece, and answers that are read as they come, as nearly all are, start none.

    Args:
        seconds: For a request's header and body together, for a connection that says nothing at all, and for a client
            to read on after the buffer of what it was answered is full.
        on_refusal: Is called with the status of each request that is refused before the application has it.
    """

    class TimeoutProtocol(HttpToolsProtocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._arriving = False
            self._header_bytes = self._collected_bytes = self._excess_bytes = 0
            self._refusal: HttpProblem | None = None
            self._clock: TimerHandle | None = self.loop.call_later(seconds, self._end)
            self._reading_clock: TimerHandle | None = None
            self._answered: RequestResponseCycle | None = None

        def data_received(self, data: bytes) -> None:
            if self._refusal is not None:
                return
            self._unset_keepalive_if_required()
            try:
                for begin in range(0, len(data), _PIECE):
                    self._parse_piece(data[begin : begin + _PIECE] if len(data) > _PIECE else data)
                    if self._refusal is not None or self.transport.is_closing():
                        break
            except httptools.HttpParserError as error:
                why = error.__context__
                malformed = HttpProblem(400, "malformed HTTP/1.1 request, or too many requests at once")
                self._refuse(why if isinstance(why, HttpProblem) else malformed)
            if self._arriving or not self._is_answering:  # line ends between requests say nothing, for instance
                self._clock = self._clock or self.loop.call_later(seconds, self._end)

        def eof_received(self) -> bool:  # type: ignore[override]  # as asyncio has it
            """Still answer a client that has sent everything."""
            if self._refusal is not None:
                return True
            if self._arriving or not self._is_answering:
                self._close()
                return False
            self.cycle.keep_alive = False
            return True

        def on_message_begin(self) -> None:
            if len(self.pipeline) >= _PIPELINED:
                raise ValueError("too many requests at once")
            self._arriving = True
            self._header_bytes = self._collected_bytes = self._excess_bytes = 0
            super().on_message_begin()

        def on_url(self, url: bytes) -> None:
            super().on_url(url)
            if len(self.url) > _URL_BYTES:
                raise HttpProblem(414, f"a path and its query may have {_URL_BYTES:,} bytes")
            self._collected_bytes += len(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            self._collected_bytes += len(name) + len(value) + _LINE_BYTES
            if self._collected_bytes > _HEADER_BYTES:
                raise _header_too_large()
            if self.cycle is None or self.cycle.scope is not self.scope:  # else a trailer; it is dropped
                super().on_header(name, value)

        def on_headers_complete(self) -> None:
            names = [name for name, _ in self.headers]
            hosts = names.count(b"host")
            if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
                raise HttpProblem(400, "a request needs exactly one Host header")
            if b"transfer-encoding" in names:
                _check_coding(self.headers)
            self._collected_bytes = 0  # trailers count by themselves
            super().on_headers_complete()

        def on_chunk_header(self) -> None:
            self._excess_bytes -= _CHUNK_BYTES

        def on_body(self, body: bytes) -> None:
            self._excess_bytes -= len(body) * (1 + _CHUNKED_BYTE)
            super().on_body(body)

        def on_message_complete(self) -> None:
            self._arriving = False
            self._stop_clock()
            super().on_message_complete()

        def on_response_complete(self) -> None:
            last = not self.pipeline
            super().on_response_complete()
            if self.transport.is_closing():
                self._start_reading_clock()
            elif last and self._refusal is not None:
                self._say(self._refusal)

        def timeout_keep_alive_handler(self) -> None:
            super().timeout_keep_alive_handler()
            self._start_reading_clock()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._start_reading_clock()

        def resume_writing(self) -> None:
            if not self.transport.is_closing():
                self._stop_reading_clock()
            super().resume_writing()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_clock()
            self._stop_reading_clock()
            if self._answered is not None:
                self._answered.disconnected = True  # uvicorn tells the last of several requests alone
            super().connection_lost(exc)

        def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
            self._answered = cycle
            super()._start_asgi_task(cycle, app)

        def _parse(self, data: bytes) -> None:
            while data:
                try:
                    self.parser.feed_data(data)
                    return
                except httptools.HttpParserUpgrade as upgrade:
                    data = self._header_without_upgrade() + data[upgrade.args[0] :]
                    # Where the connection is to be closed, the one before takes nothing more.
                    self.parser = httptools.HttpRequestParser(self)
                    self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

        def _parse_piece(self, piece: bytes) -> None:
            header_began, body_began = self._in_header, self._in_body
            self._parse(piece)
            if self._in_header and header_began:
                self._header_bytes += len(piece)
                if self._header_bytes > _HEADER_BYTES:
                    self._refuse(_header_too_large())
            elif self._in_body and body_began:
                self._excess_bytes = max(0, self._excess_bytes + len(piece))
                if self._excess_bytes > _HEADER_BYTES:
                    self._refuse(_header_too_large())

        def _should_upgrade(self) -> bool:
            """Whether to forget what the parser tells of a request, which it takes to end with its header."""
            if self.parser.get_method() == b"CONNECT":
                raise ValueError("this is not a proxy")
            return True

        def _header_without_upgrade(self) -> bytes:
            """The header that was parsed, without the wish to speak another protocol, which a server may ignore."""
            version = self.parser.get_http_version().encode()
            lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
            lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
            return b"\r\n".join([*lines, b"", b""])

        @property
        def _in_header(self) -> bool:
            return self._arriving and not self._in_body

        @property
        def _in_body(self) -> bool:
            return self._arriving and self.cycle is not None and self.cycle.scope is self.scope

        @property
        def _is_answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _start_reading_clock(self) -> None:
            self._reading_clock = self._reading_clock or self.loop.call_later(seconds, self.transport.abort)

        def _stop_clock(self) -> None:
            if self._clock is not None:
                self._clock.cancel()
                self._clock = None

        def _stop_reading_clock(self) -> None:
            if self._reading_clock is not None:
                self._reading_clock.cancel()
                self._reading_clock = None

        def _end(self) -> None:
            self._clock = None
            self._refuse(HttpProblem(408, "the request arrived too slowly"))

        def _refuse(self, refused: HttpProblem) -> None:
            """Do not answer the request that is arriving; those before it are answered first."""
            in_body, self._arriving = self._in_body, False
            self._stop_clock()
            if self.transport.is_closing():
                return
            if in_body and not self.pipeline:
                self._give_up(refused)
                return
            if in_body:
                self.pipeline.popleft()
            on_refusal(refused.status)
            if in_body or self._is_answering:
                self._refusal = refused
            else:
                self._say(refused)

        def _give_up(self, refused: HttpProblem) -> None:
            """The body of the request at hand does not arrive; whoever waits for it counts the request."""
            if self.cycle.response_started:
                self._close()
                return
            self.scope["state"]["refused"] = refused.status
            self._say(refused)

        def _say(self, refused: HttpProblem) -> None:
            body = refused.body()
            self.transport.write(
                b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\nx-content-type-options: nosniff\r\nconnection: close\r\n"
                b"content-length: %d\r\n\r\n%b" % (refused.status, refused.title.encode(), MEDIA_TYPE, len(body), body)
            )
            self._close()

        def _close(self) -> None:
            """Close the connection, after a while also if what was written is not read."""
            self.transport.close()
            self._start_reading_clock()

    return TimeoutProtocol


def _check_coding(headers: list[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
            raise HttpProblem(501, "the only Transfer-Encoding that is supported is `chunked`")


def _header_too_large() -> HttpProblem:
    what = "a header, and what stands around the chunks of a body and behind them,"
    return HttpProblem(431, f"{what} may have {_HEADER_BYTES:,} bytes")
