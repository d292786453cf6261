"""A version is known by its package, and not by its number alone."""

from pathlib import Path

import mlflow

from ride_duration.model_package.files import write_folder
from ride_duration.registry.reader import RegistryReader
from ride_duration.serving.package_cache import PackageCache
from ride_duration.serving.reconciler import Reconciler
from tests.model_package.tiny import tiny_package
from tests.registry.store import SETTINGS
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
