"""HTTP/1.1 by uvicorn, with limits to how long requests and answers may take, and to what comes before a body."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ride_duration.serving.problems import MEDIA_TYPE, Refused

if TYPE_CHECKING:
    from asyncio import TimerHandle
    from collections.abc import Callable

#: Bytes of a header that does not come in one piece.
_HEADER_BYTES = 65_536

#: Requests of one connection that wait for the answer to the one before.
_PIPELINED = 100


def protocol_with_patience(seconds: float, tell: Callable[[int], None]) -> type[asyncio.Protocol]:
    """A protocol that ends connections whose request is still arriving, or whose answer still leaves, after so long.

    Requests that arrive in one piece, and answers that are read as they come, as nearly all are, start no clock.

    Args:
        seconds: For a request's header and body together, for a connection that says nothing at all, and for a client
            to read on after the buffer of what it was answered is full.
        tell: Is given the status (HTTP) of each request that is refused before the application has it.
    """

    class PatientProtocol(HttpToolsProtocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._arriving = False
            self._header_bytes = 0
            self._refusal: Refused | None = None
            self._clock: TimerHandle | None = self.loop.call_later(seconds, self._end)
            self._reading_clock: TimerHandle | None = None

        def data_received(self, data: bytes) -> None:
            if self._refusal is not None:
                return
            header_began = self._in_header
            self._unset_keepalive_if_required()
            try:
                self._parse(data)
            except httptools.HttpParserError:
                self._refuse(Refused(400, "this is no HTTP/1.1, or too many requests at once"))
            if not self._arriving:
                self._stop_clock()
                return
            self._clock = self._clock or self.loop.call_later(seconds, self._end)
            if header_began and self._in_header:
                self._header_bytes += len(data)
                if self._header_bytes > _HEADER_BYTES:
                    self._refuse(Refused(431, f"a header may have {_HEADER_BYTES:,} bytes"))

        def eof_received(self) -> bool:  # type: ignore[override]  # as asyncio has it
            """Who has said everything still gets the answer."""
            if self._refusal is not None:
                return True
            if self.cycle is None or self._arriving or self.cycle.response_complete:
                return False
            self.cycle.keep_alive = False
            return True

        def on_message_begin(self) -> None:
            if len(self.pipeline) >= _PIPELINED:
                raise ValueError("too many requests at once")
            self._arriving = True
            self._header_bytes = 0
            super().on_message_begin()

        def on_message_complete(self) -> None:
            self._arriving = False
            self._stop_clock()
            super().on_message_complete()

        def on_response_complete(self) -> None:
            last = not self.pipeline
            super().on_response_complete()
            if last and self._refusal is not None and not self.transport.is_closing():
                self._say(self._refusal)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reading_clock = self._reading_clock or self.loop.call_later(seconds, self.transport.abort)

        def resume_writing(self) -> None:
            self._stop_reading_clock()
            super().resume_writing()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_clock()
            self._stop_reading_clock()
            super().connection_lost(exc)

        def _parse(self, data: bytes) -> None:
            while data:
                try:
                    self.parser.feed_data(data)
                    return
                except httptools.HttpParserUpgrade as upgrade:
                    data = self._header_without_upgrade() + data[upgrade.args[0] :]

        def _should_upgrade(self) -> bool:
            """Whether to forget what the parser tells of a request, which it takes to end with its header."""
            if self.parser.get_method() == b"CONNECT":
                raise ValueError("this is no proxy")
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
            self._refuse(Refused(408, "it arrived too slowly"))

        def _refuse(self, refused: Refused) -> None:
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
            tell(refused.status)
            if in_body or (self.cycle is not None and not self.cycle.response_complete):
                self._refusal = refused
            else:
                self._say(refused)

        def _give_up(self, refused: Refused) -> None:
            """The body of the request at hand does not arrive; whoever waits for it counts the request."""
            if self.cycle.response_started:
                self.transport.close()
                return
            self.scope["state"]["refused"] = refused.status
            self._say(refused)

        def _say(self, refused: Refused) -> None:
            body = refused.body()
            self.transport.write(
                b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\nx-content-type-options: nosniff\r\nconnection: close\r\n"
                b"content-length: %d\r\n\r\n%b" % (refused.status, refused.title.encode(), MEDIA_TYPE, len(body), body)
            )
            self.transport.close()

    return PatientProtocol
