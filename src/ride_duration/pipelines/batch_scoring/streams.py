"""Tables that are larger than the memory, a batch of rows at a time and in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa

_T = TypeVar("_T")
_R = TypeVar("_R")


def batches_of(table: ir.Table, rows: int) -> Iterator[pa.RecordBatch]:
    """The rows of a table in batches of so many; the last one may be shorter."""
    backend = ibis.get_backend(table)
    if backend.name == "duckdb":  # Ibis 12 calls what DuckDB 2 no longer has, and connections copy all rows first
        return _even(backend.con.sql(backend.compile(table)).to_arrow_reader(rows), rows)
    return _even(table.to_pyarrow_batches(chunk_size=rows), rows)


def _even(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows, cut again: engines cut them as it suits their threads."""
    held: list[pa.RecordBatch] = []
    missing = rows
    for batch in batches:
        rest = batch
        while len(rest) >= missing:
            yield pa.concat_batches([*held, rest.slice(0, missing)])
            rest = rest.slice(missing)
            held, missing = [], rows
        if len(rest):
            held.append(rest)
            missing -= len(rest)
    if held:
        yield pa.concat_batches(held)


def in_turn(work: Callable[[_T], _R], items: Iterable[_T], threads: int) -> Iterator[_R]:
    """Work on some items at once, one in each thread; what comes of them keeps their order."""
    waiting: deque[Future[_R]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
