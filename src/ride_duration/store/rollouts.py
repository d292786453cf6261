"""Rollouts of challengers, kept where all instances of the service see them.

A row is changed only by whoever has seen it as it is: each change raises `revision`, and names the one that it goes
out from. So of two instances that come to the same step, one makes it.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from ride_duration.clock import ClockKind
from ride_duration.errors import RideDurationError
from ride_duration.store.database import explain_failures, open_reading_engine, open_writing_engine

if TYPE_CHECKING:
    from sqlalchemy import Engine, RowMapping


_AWAY = "the rollouts in the prediction log cannot be reached"


class RolloutStatus(StrEnum):
    """State of a rollout; the values stand in the store.

    In `PROMOTING` all stages are done, and the registry is asked to make the version champion. `OVERTAKEN` means that
    another decision has changed the champion meanwhile.
    """

    RUNNING = "running"
    PROMOTING = "promoting"
    FINISHED = "finished"
    OVERTAKEN = "overtaken"
    ROLLED_BACK = "rolled back"
    STOPPED = "stopped"

    @property
    def is_open(self) -> bool:
        """Return whether the rollout goes on."""
        return self in (RolloutStatus.RUNNING, RolloutStatus.PROMOTING)


class RolloutEvent(msgspec.Struct, frozen=True):
    """Something that happened to a rollout.

    Attributes:
        at: Seconds since 1970-01-01 UTC.
        status: From then on.
        share: From then on, of the rides; 0 for the shadow.
        by: Name of the person who decided, or `rollout` for the service.
        why: In their words.
        not_worse: Whether the stage that ended then has shown that the challenger is not worse than allowed.
    """

    at: float
    status: RolloutStatus
    share: float
    by: str
    why: str
    not_worse: bool = False


class Rollout(msgspec.Struct, frozen=True):
    """A rollout as it is now.

    Attributes:
        number: Counted over all models.
        model: Name of the registered model.
        version: The challenger.
        against: The champion when it began.
        status: `running` or `promoting`, or how it ended.
        share: Of the rides that the challenger answers; 0 for the shadow.
        since: When that share, or the promotion, began (seconds since 1970-01-01 UTC).
        ended_at: When it ended; None as long as it goes on.
        failed: Rides since then that the challenger failed to answer, of all instances.
        revision: Of the row.
        history: What happened, the oldest first.
    """

    number: int
    model: str
    version: int
    against: int
    status: RolloutStatus
    share: float
    since: float
    ended_at: float | None
    failed: int
    revision: int
    history: list[RolloutEvent]

    @property
    def began_at(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return self.history[0].at


class Rollouts:
    """Reads and changes the rollouts of one model.

    Args:
        store_url: Of the prediction log.
        model: Name of the registered model.
        clock: Which clock the times are on.
    """

    def __init__(self, store_url: str, model: str, clock: ClockKind = ClockKind.REAL) -> None:
        self._url = store_url
        self._model = model
        self._clock = clock
        self._reading: Engine | None = None

    @property
    def engine(self) -> Engine:
        """For reading, from the first time that there is something to read.

        Raises:
            RideDurationError: There is no store yet, or it cannot be reached.
        """
        if self._reading is None:
            self._reading = open_reading_engine(self._url, self._clock)
        return self._reading

    @cached_property
    def _writing(self) -> Engine:
        return open_writing_engine(self._url)

    def last(self) -> Rollout | None:
        """Return the open rollout, or else the last one.

        Raises:
            RideDurationError: The store cannot be read.
        """
        from sqlalchemy import select

        from ride_duration.store.tables import rollouts

        question = select(rollouts).where(rollouts.c.model == self._model).order_by(rollouts.c.number.desc()).limit(1)
        with explain_failures(_AWAY), self.engine.connect() as connection:
            row = connection.execute(question).mappings().first()
        return None if row is None else _rollout(row)

    def begin(self, version: int, against: int, share: float, at: float, by: str, why: str) -> Rollout:
        """Begin a rollout.

        Args:
            version: The challenger.
            against: The champion.
            share: Of the first stage.
            at: Now (seconds since 1970-01-01 UTC).
            by: Who begins it.
            why: In their words.

        Raises:
            RideDurationError: Another one goes on, or the store cannot be reached.
        """
        from sqlalchemy import insert
        from sqlalchemy.exc import IntegrityError

        from ride_duration.store.tables import rollouts

        last = self.last()
        if last is not None and last.ended_at is None:
            raise _goes_on(last.version)
        history = [RolloutEvent(at, RolloutStatus.RUNNING, share, by, why)]
        begun = Rollout(0, self._model, version, against, RolloutStatus.RUNNING, share, at, None, 0, 0, history)
        values = _columns(begun)
        del values["number"]
        try:
            with explain_failures(_AWAY), self._writing.begin() as connection:
                key = connection.execute(insert(rollouts).values(values)).inserted_primary_key
        except IntegrityError:  # another one began since
            last = self.last()
            raise _goes_on(last.version if last else version) from None
        return msgspec.structs.replace(begun, number=key[0] if key else 0)

    def change(self, seen: Rollout, event: RolloutEvent) -> Rollout | None:
        """Change a rollout, unless another process has changed it since it was read.

        Args:
            seen: The rollout as it was read.
            event: What happens to it.

        Returns:
            The rollout as it is now; None if it is another one than was seen.

        Raises:
            RideDurationError: The store cannot be reached.
        """
        from sqlalchemy import update

        from ride_duration.store.tables import rollouts

        changed = msgspec.structs.replace(
            seen,
            status=event.status,
            share=event.share,
            since=event.at,
            ended_at=None if event.status.is_open else event.at,
            failed=0,
            revision=seen.revision + 1,
            history=[*seen.history, event],
        )
        same = (rollouts.c.number == seen.number) & (rollouts.c.revision == seen.revision)
        with explain_failures(_AWAY), self._writing.begin() as connection:
            done = connection.execute(update(rollouts).where(same).values(_columns(changed)))
        return changed if done.rowcount == 1 else None

    def add_failures(self, number: int, failures: int) -> None:
        """Count rides that the challenger failed to answer.

        Args:
            number: Of the rollout.
            failures: Since the last time.
        """
        from sqlalchemy import update

        from ride_duration.store.tables import rollouts

        with explain_failures(_AWAY), self._writing.begin() as connection:
            failed = rollouts.c.failed + failures
            connection.execute(update(rollouts).where(rollouts.c.number == number).values(failed=failed))

    def close(self) -> None:
        """Let the connections go."""
        if "_writing" in self.__dict__:
            self._writing.dispose()
        if self._reading is not None:
            self._reading.dispose()


def _goes_on(version: int) -> RideDurationError:
    stop = "`kedro rollout stop --why TEXT` ends it"
    return RideDurationError(f"the rollout of version {version} goes on already; {stop}")


def _columns(rollout: Rollout) -> dict[str, Any]:
    last = rollout.history[-1]
    history = msgspec.json.encode(rollout.history).decode()
    own = {"status": rollout.status.value, "history": history, "by": last.by, "why": last.why}
    return msgspec.structs.asdict(rollout) | own


def _rollout(row: RowMapping) -> Rollout:
    values: dict[str, Any] = {name: row[name] for name in Rollout.__struct_fields__}
    history = msgspec.json.decode(row["history"], type=list[RolloutEvent])
    return Rollout(**values | {"status": RolloutStatus(row["status"]), "history": history})
