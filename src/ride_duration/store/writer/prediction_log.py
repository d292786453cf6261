"""The prediction log: taken at once, kept in a journal, and brought to the database by a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ride_duration.clock import ClockKind
from ride_duration.store.database import migrate, open_writing_engine
from ride_duration.store.log_records import Record
from ride_duration.store.sqlite_file import SQLiteFile
from ride_duration.store.writer.backlog import Backlog, LogFull, MemoryBacklog
from ride_duration.store.writer.dead_letter_file import DeadLetterFile
from ride_duration.store.writer.insertion import Insertion
from ride_duration.store.writer.instances import take_folder
from ride_duration.store.writer.write_ahead_log import WriteAheadLog

log = logging.getLogger(__name__)

Durability = Literal["memory", "journal", "sync"]

_BATCH = 1000
_PAUSE = 0.05  # seconds between batches that are not full
_FAILED_SECONDS = 1.0  # that a failed fsync counts
_LAST_WORDS = 0.5  # seconds for the thread to see that its time is over
_BACK_OFF = (0.1, 5.0)  # seconds between attempts while the database is away: the first, the longest


class PredictionLog:
    """Keeps predictions and actuals; each once, however often the process or the database goes away.

    `append`, `durable` and `close` belong to one thread, that of the event loop.

    Args:
        store_url: `sqlite:///PATH` or `postgresql+psycopg://…`. It need not be reachable yet.
        folder: Of all instances; keeps a sub-folder for each, and in it one for each store, with its journal and
            `refused.jsonl`.
        durability: What an appended record survives. `memory`: nothing. `journal`: `kill -9`. `sync`: a power cut
            too, once `durable` has returned.
        instance: Name of this instance; two that run at once need two names. What another instance left for
            the same store when it was killed is inherited.
        capacity: Most records that wait in `memory`.
        journal_bytes: Most bytes that wait in the journal.
        clock: Which clock the records' times are on; a database on the other one gets none of them.

    Attributes:
        queue_depth: Records that are not in the database yet.
        writable: Would a record be taken now?
        last_error: Why the database cannot be written; None if it can.
        refused: Records that the database would never take, since the start.

    Raises:
        RideDurationError: The URL or the folder cannot be used, or another process uses this instance's name.
    """

    def __init__(
        self,
        store_url: str,
        folder: Path,
        durability: Durability = "journal",
        instance: str = "default",
        capacity: int = 100_000,
        journal_bytes: int = 256_000_000,
        clock: ClockKind = ClockKind.REAL,
    ) -> None:
        self._clock = clock
        self._engine = open_writing_engine(store_url, "FULL" if durability == "sync" else "NORMAL", kept_open=True)
        own, self._lock = take_folder(folder, instance, store_url)
        self._file = SQLiteFile(self._engine, own) if self._engine.dialect.name == "sqlite" else None
        self._own, self._in_memory = own, durability == "memory"
        self._source = f"{socket.gethostname()}/{instance}"
        self._refused = DeadLetterFile(own / "refused.jsonl")
        self._sync = durability == "sync"
        self._backlog: Backlog = (
            MemoryBacklog(capacity)
            if durability == "memory"
            else WriteAheadLog(own, journal_bytes, self._refused, synced=self._sync)
        )
        self._synced, self._failed_at = 0, -math.inf
        self._syncing: asyncio.Future[None] | None = None
        self.last_error: str | None = None
        self._refusal: str | None = None
        self._stop = threading.Event()
        self._give_up_at = float("inf")
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def append(self, records: Sequence[Record]) -> None:
        """Take records, all or none; it costs microseconds, and does not wait for the database.

        Raises:
            LogFull: Too many wait already, the disk is full, or the log is closed.
        """
        if self._stop.is_set():
            raise LogFull("the prediction log is closed, because the service is stopping")
        if records:
            try:
                self._backlog.append(records)
            except LogFull as error:
                self._refuse(error)
                raise
            if self._refusal is not None:
                self._refusal = None
                log.warning("the prediction log takes records again")

    def _refuse(self, error: LogFull) -> None:
        if self._refusal is None:
            log.error("the prediction log takes no more records: %s", error)
        self._refusal = str(error)

    @property
    def queue_depth(self) -> int:
        return self._backlog.depth

    @property
    def writable(self) -> bool:
        synced = time.monotonic() - self._failed_at >= _FAILED_SECONDS
        return not self._stop.is_set() and self._thread.is_alive() and not self._backlog.full and synced

    @property
    def unsaved(self) -> str:
        """Why only this process has what the database held, and its end would lose it; empty if all is well."""
        return self._file.unsaved if self._file else ""

    @property
    def refused(self) -> int:
        return self._refused.count

    @property
    def refused_file(self) -> Path:
        """Where refused records are kept until somebody moves them away."""
        return self._refused.path

    @property
    def refused_bytes(self) -> int:
        """Size of that file; 0 if it is not there."""
        return self._refused.size

    async def durable(self) -> None:
        """Wait until everything that was appended so far is as durable as promised; only `sync` takes time.

        Whoever waits at the same time shares one fsync, made in a thread.

        Raises:
            LogFull: The disk refused it; the answer must not be given.
        """
        if not self._sync:
            return
        mine = self._backlog.appended
        while self._synced < mine:
            if self._syncing is None:
                self._syncing = asyncio.ensure_future(self._sync_once())
            await asyncio.shield(self._syncing)

    def close(self, patience: float = 10.0) -> None:
        """Stop taking records, bring those that wait to the database, and let another process have the folder.

        Args:
            patience: Seconds after which the rest is left in the journal for the next start, or is lost if it was in
                memory. If the database has not answered by then, the folder is free only when the process ends.
        """
        self._give_up_at = time.monotonic() + patience
        self._stop.set()
        self._thread.join(patience + _LAST_WORDS)
        if self._thread.is_alive():  # it may still read the journal; what it writes yet, the next start knows by its id
            self.last_error = "it does not answer"
            log.warning("%d records are not in the database yet: %s", self.queue_depth, self.last_error)
            return
        try:
            if self._file and not self._file.check(last=True):
                self._backlog.rewind()
                self.last_error = "it was replaced"
            if self._file:
                self._file.remove_marker()
        except Exception as error:
            self._failed(error)
        if self._backlog.pending:
            log.warning(
                "%d records are not in the database yet: %s", self.queue_depth, self.last_error or "it is too slow"
            )
        self._backlog.close()
        self._engine.dispose()
        self._lock.release()

    def account(self) -> list[str]:
        """Say where everything is that was acknowledged, for the end: a sentence for each place."""
        waiting = self.queue_depth
        said = []
        if self._backlog.lost:
            said.append(f"{self._backlog.lost:,} records are lost: damaged files of the journal held them.")
        if self._backlog.set_aside and not self._backlog.lost:
            said.append("records in damaged parts of the journal may be lost.")
        if self.unsaved:
            said.append(f"predictions that were acknowledged are lost: {self.unsaved}.")
        if self._file and self._file.incomplete:
            said.append("the database may lack predictions that were acknowledged.")
        if not waiting and not said:
            said.append("every prediction that was acknowledged is kept.")
        elif waiting and self._in_memory:
            said.append(f"{waiting:,} records are lost: they were in memory alone ({self.last_error or 'too slow'}).")
        elif waiting:
            why = self.last_error or "it is too slow"
            kept = f"they are kept in {self._own}, and the next start brings them there."
            said.append(f"{waiting:,} records are not in the database yet ({why}); {kept}")
        if self.refused:
            said.append(f"{self.refused:,} records that the database does not take are kept in {self._refused.path}.")
        said += [f"A damaged file of the journal is set aside as {path}." for path in self._backlog.set_aside]
        return said + [f"{event}." for event in (self._file.events if self._file else ())]

    def _database_as_left(self) -> bool:
        return self._file is None or self._file.check()

    async def _sync_once(self) -> None:
        until = self._backlog.appended
        try:
            await asyncio.to_thread(self._backlog.sync)
            self._synced = until
        except OSError as error:
            self._failed_at = time.monotonic()
            refusal = LogFull(f"the journal cannot be brought to the disk: {error.strerror}")
            self._refuse(refusal)
            raise refusal from None
        finally:
            self._syncing = None

    def _run(self) -> None:
        insertion = Insertion(self._engine)
        migrated = False
        back_off = _BACK_OFF[0]
        while True:
            try:
                self._lock.check()
                if not self._backlog.check():
                    self._backlog.rewind()
                if not self._database_as_left():
                    self._backlog.rewind()
                    migrated = False
                if not migrated:
                    self._make_tables()
                    migrated = True
                records = self._backlog.take(_BATCH)
                if records:
                    insertion.insert(records, self._refused.keep, self._source_of(self._backlog.taken_from))
                if not self._database_as_left():
                    self._backlog.rewind()
                    migrated = False
                elif records:
                    self._backlog.advance()
            except Exception as error:  # whatever it is, the next attempt may succeed; the journal waits
                self._failed(error)
                migrated = False
                pause, back_off = back_off, min(2 * back_off, _BACK_OFF[1])
            else:
                self._succeeded()
                pause, back_off = 0.0 if len(records) >= _BATCH else _PAUSE, _BACK_OFF[0]
            if not self._stop.is_set():
                self._stop.wait(pause)
            elif not self._backlog.pending or time.monotonic() > self._give_up_at:
                return
            elif self.last_error:
                time.sleep(_BACK_OFF[0])

    def _make_tables(self) -> None:
        made = migrate(self._engine, self._clock)
        if made:  # it may have been another database before
            self._backlog.rewind()
        if self._file is not None:
            self._file.note_tables(made)

    def _source_of(self, inherited_from: str) -> str:
        """The journal that records are from: its order holds by itself, beside others the times do."""
        return f"{inherited_from}, left to {self._source}" if inherited_from else self._source

    def _failed(self, error: Exception) -> None:
        reason = str(getattr(error, "orig", None) or error or type(error).__name__).splitlines()[0]
        if self.last_error is None:
            log.warning("the prediction log's database cannot be written, and is tried again: %s", reason)
        self.last_error = reason
        if self._file is None:
            self._engine.dispose()
            return
        if not self._file.unsaved:  # whatever failed, the file may be gone, and what is open must not be closed then
            with contextlib.suppress(Exception):  # it is in `unsaved`
                if not self._file.check():
                    self._backlog.rewind()
        self._file.let_go(error)

    def _succeeded(self) -> None:
        if self.last_error is not None:
            log.warning("the prediction log's database can be written again")
        self.last_error = None
