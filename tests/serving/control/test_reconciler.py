"""A version is known by its package, and not by its number alone."""

import os
from pathlib import Path

import mlflow
import pytest

from ride_duration.model_package.files import write_folder
from ride_duration.registry.reader import RegistryReader, Released
from ride_duration.serving.control.package_cache import PackageCache
from ride_duration.serving.control.reconciler import Reconciler
from tests.model_package.tiny import tiny_package
from tests.registry.store import SETTINGS, package_folder
from tests.serving.conftest import Models


def test_a_registry_made_again_under_the_same_number_is_noticed(models: Models, tmp_path: Path) -> None:
    registry, other = models.champion(3.0), models.champion(8.5)
    reader = RegistryReader(models.project, SETTINGS, registry.name)
    reconciler = Reconciler(reader, PackageCache(tmp_path / "cache"))
    first = reconciler.reconcile()
    assert first is not None
    assert reconciler.reconcile() is not None
    assert reconciler.deployment is not None
    assert reconciler.deployment.champion is first.champion, "nothing is loaded twice"
    client = mlflow.MlflowClient()
    client.delete_registered_model(registry.name)
    client.rename_registered_model(other.name, registry.name)
    second = reconciler.reconcile()
    assert second is not None
    assert (second.champion.version, reconciler.problem) == (1, None)
    assert second.champion.package.fingerprint != first.champion.package.fingerprint


def test_a_package_replaced_in_the_cache_while_the_registry_is_away_never_answers(
    models: Models, tmp_path: Path
) -> None:
    registry, cache = models.champion(3.0), tmp_path / "cache"
    reader = RegistryReader(models.project, SETTINGS, registry.name)
    loaded = Reconciler(reader, PackageCache(cache)).reconcile()
    assert loaded is not None
    (tmp_path / "data").mkdir()
    away = RegistryReader(tmp_path, SETTINGS, registry.name)
    restarted = Reconciler(away, PackageCache(cache))
    assert restarted.reconcile() is not None
    write_folder(cache / "1", tiny_package(9.0))
    restarted = Reconciler(away, PackageCache(cache))
    assert restarted.reconcile() is None
    assert "is not the one that was loaded from the registry as version 1" in str(restarted.problem)
    (cache / "1.loaded").unlink()  # of a program before, which took what lay there
    old = Reconciler(away, PackageCache(cache))
    replaced = old.reconcile()
    assert replaced is not None
    old._reader = reader  # the registry is back
    again = old.reconcile()
    assert again is not None
    assert again.champion.package.fingerprint == loaded.champion.package.fingerprint


def test_a_package_that_a_kill_left_without_its_note_is_served_while_the_registry_is_away(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    first, second = (Released(package_folder(models.champion(scale), 1), 1e9, {}) for scale in (3.0, 8.5))
    cache = PackageCache(tmp_path / "cache")
    cache.package(1, first)
    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", killed)
        with pytest.raises(KeyboardInterrupt):
            cache.package(1, second)
    restarted = PackageCache(tmp_path / "cache")
    assert restarted.package(1).contents == restarted.package(1, second).contents
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"1", "1.loaded"}
