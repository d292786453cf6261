"""HTTP/1.1 by uvicorn, with a limit to how long a request may take to arrive."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from asyncio import TimerHandle

_TOO_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\nconnection: close\r\n"
    b"content-length: 94\r\n\r\n"
    b'{"type":"about:blank","title":"Request Timeout","status":408,"detail":"it arrived too slowly"}'
)


def protocol_with_patience(seconds: float) -> type[asyncio.Protocol]:
    """A protocol that ends connections whose request is still arriving after so many seconds.

    Requests that arrive in one piece, as nearly all do, start no clock.

    Args:
        seconds: For a request's header and body together, and for a connection that says nothing at all.
    """

    class PatientProtocol(HttpToolsProtocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._arriving = False
            self._clock: TimerHandle | None = self.loop.call_later(seconds, self._end)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._arriving:
                self._clock = self._clock or self.loop.call_later(seconds, self._end)
            else:
                self._stop_clock()

        def on_message_begin(self) -> None:
            self._arriving = True
            super().on_message_begin()

        def on_message_complete(self) -> None:
            self._arriving = False
            super().on_message_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_clock()
            super().connection_lost(exc)

        def _stop_clock(self) -> None:
            if self._clock is not None:
                self._clock.cancel()
                self._clock = None

        def _end(self) -> None:
            self._clock = None
            if not self.transport.is_closing():
                if self.cycle is None or not self.cycle.response_started:
                    self.transport.write(_TOO_SLOW)
                self.transport.close()

    return PatientProtocol
