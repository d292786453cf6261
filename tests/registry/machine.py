"""Random decisions, killed at random steps, beside a model of them in plain Python."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise, zip_longest
from typing import Any
from unittest.mock import patch

import mlflow
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ride_duration.errors import RideDurationError
from ride_duration.registry.decisions import ALIAS_REMOVED, MOVING, champion_tenures, previous_champion
from tests.registry.store import Store

#: Everything that a decision does to the store, as methods of MLflow's client.
WRITES = (
    *("create_run", "set_tag", "set_terminated", "log_dict", "log_text"),
    *("create_registered_model", "_create_model_version", "set_logged_model_tags", "set_registered_model_alias"),
)


class Kill(BaseException):
    """What SIGKILL is to a process: nothing catches it."""


@contextmanager
def killed(moment: int | None) -> Iterator[list[str]]:
    """Kill what happens inside before write number `moment // 2`, or after it if odd; None: never.

    Yields:
        The writes that were done, in their order.
    """
    done: list[str] = []

    def counted(name: str, write: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(write)
        def counting(*args: Any, **kwargs: Any) -> Any:
            if moment == 2 * len(done):
                raise Kill
            answer = write(*args, **kwargs)
            done.append(name)
            if moment == 2 * len(done) - 1:
                raise Kill
            return answer

        return counting

    wrapped = {name: counted(name, getattr(mlflow.MlflowClient, name)) for name in WRITES}
    with patch.multiple(mlflow.MlflowClient, **wrapped):
        yield done


MOMENTS = st.none() | st.integers(0, 9)


def machine_of(store: Store) -> type[RuleBasedStateMachine]:
    """The machine over a store; each example has a model of its own."""

    class Decisions(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.name = store.new().name
            self.statuses: dict[int, str] = {}
            self.compared: dict[int, int | None] = {}
            self.moves: list[int | None] = []
            self.undo: list[int] = []

        @property
        def champion(self) -> int | None:
            return self.moves[-1] if self.moves else None

        def decide(self, allowed: bool, moment: int | None, commit: str, act: Callable[..., Any]) -> bool:
            """Whether the decision came about: it was allowed, and not killed before the write `commit`."""
            store.repair(store.registry(self.name))
            with killed(moment) as done:
                try:
                    act(store.registry(self.name))
                except RideDurationError:
                    assert not allowed
                    return False
                except Kill:
                    own = done[done.index("create_run") :] if "create_run" in done else []
                    return commit in own
            assert allowed
            return True

        def move(self, version: int | None) -> None:
            if self.champion is not None:
                self.statuses[self.champion] = "former champion"
            if version is not None:
                self.statuses[version] = "champion"
            self.moves.append(version)

        def promoted(self, version: int) -> None:
            self.move(version)
            if version not in self.undo[-1:]:
                self.undo.append(version)

        @property
        def before(self) -> int | None:
            """Where a rollback leads."""
            standing = self.undo[:-1] if self.champion else self.undo
            return standing[-1] if standing else None

        @rule(approval=st.sampled_from(["auto", "manual"]), moment=st.none() | st.integers(0, 20))
        def release(self, approval: str, moment: int | None) -> None:
            if self.decide(True, moment, "_create_model_version", lambda registry: store.release(registry, approval)):
                number = len(self.statuses) + 1
                self.statuses[number] = "candidate" if approval == "auto" else "awaiting approval"
                self.compared[number] = self.champion

        @precondition(lambda self: self.statuses)
        @rule(moment=MOMENTS, data=st.data())
        def promote(self, moment: int | None, data: st.DataObject) -> None:
            version = data.draw(st.integers(1, len(self.statuses) + 1))
            status = self.statuses.get(version)
            fresh = status == "candidate" and self.compared[version] == self.champion
            allowed = fresh or status == "former champion"
            act = functools.partial(_promote, version=version)
            if self.decide(allowed, moment, "set_registered_model_alias", act):
                self.promoted(version)

        @precondition(lambda self: self.statuses)
        @rule(moment=MOMENTS, data=st.data())
        def approve(self, moment: int | None, data: st.DataObject) -> None:
            version = data.draw(st.integers(1, len(self.statuses)))
            allowed = self.statuses[version] == "awaiting approval" and self.compared[version] == self.champion
            act = functools.partial(_approve, version=version)
            if self.decide(allowed, moment, "set_registered_model_alias", act):
                self.promoted(version)

        @precondition(lambda self: self.statuses)
        @rule(moment=MOMENTS, data=st.data())
        def reject(self, moment: int | None, data: st.DataObject) -> None:
            version = data.draw(st.integers(1, len(self.statuses)))
            allowed = self.statuses[version] in ("awaiting approval", "candidate")
            if self.decide(allowed, moment, "set_terminated", functools.partial(_reject, version=version)):
                self.statuses[version] = "rejected"

        @precondition(lambda self: self.moves)
        @rule(moment=MOMENTS)
        def rollback(self, moment: int | None) -> None:
            before = self.before
            if self.decide(before is not None, moment, "set_registered_model_alias", _rollback):
                if self.champion:
                    self.undo.pop()
                self.move(before)

        @precondition(lambda self: self.champion)
        @rule()
        def take_the_alias_away(self) -> None:
            # MLflow keeps no history of aliases: what a kill left half-made could not be told from what never was.
            store.repair(store.registry(self.name))
            mlflow.MlflowClient().delete_registered_model_alias(self.name, "champion")
            self.move(None)

        @invariant()
        def agrees_with_the_model(self) -> None:
            decisions = store.registry(self.name).decisions()
            history = champion_tenures(decisions)
            assert [tenure.version for tenure in history] == [version for version in self.moves if version]
            assert previous_champion(decisions) == self.before
            moves = [decision for decision in decisions if decision.kind in (*MOVING, ALIAS_REMOVED)]
            assert [move.version for move in moves] == self.moves
            following = zip_longest(moves, [move.at for move in moves[1:]])
            assert [tenure.until for tenure in history] == [end for move, end in following if move.version]
            assert all(earlier.number < later.number for earlier, later in pairwise(decisions))
            before = [None, *self.moves]
            assert all(move.previous == before[number] for number, move in enumerate(moves) if move.version)
            assert {decision.by for decision in decisions if decision.kind != ALIAS_REMOVED} <= {"Ana"}
            for decision in decisions:
                if decision.kind == "rejection":
                    assert decision.version not in self.moves

        def teardown(self) -> None:
            registry = store.registry(self.name)
            assert {version.number: version.status for version in registry.versions()} == self.statuses
            assert [*self.statuses.values()].count("champion") == bool(self.champion)
            assert registry.champion() == self.champion
            store.repair(registry)
            experiment = mlflow.get_experiment_by_name("releases").experiment_id
            running = f"tags.model = '{self.name}' AND attributes.status = 'RUNNING'"
            assert not mlflow.MlflowClient().search_runs([experiment], running)

    return Decisions


def _promote(registry: Any, version: int) -> None:
    registry.promote(version, "Ana", "better")


def _approve(registry: Any, version: int) -> None:
    registry.approve(version, "Ana", "fair")


def _reject(registry: Any, version: int) -> None:
    registry.reject(version, "Ana", "unfair")


def _rollback(registry: Any) -> None:
    registry.rollback("Ana", "worse")
