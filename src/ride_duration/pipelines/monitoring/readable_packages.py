"""The package of a version that answered rides, as far as it can still be read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from ride_duration.errors import IntegrityError
from ride_duration.model_package import ModelPackage

log = logging.getLogger(__name__)


def open_readable(
    registered_packages: Mapping[int, Callable[[], ModelPackage]], version: int, *, needed: bool = False
) -> ModelPackage | None:
    """Return the package of a version; None where it is not registered, or is damaged and can be done without.

    Args:
        registered_packages: For each version, a function that opens its package.
        version: Of the model.
        needed: Whether nothing can be said without it, if it is registered: it is that of the evaluated version.

    Raises:
        IntegrityError: It is damaged, and needed.
    """
    if version not in registered_packages:
        return None
    try:
        return registered_packages[version]()
    except IntegrityError as error:
        if needed:
            raise IntegrityError(
                f"version {version}, which answered the newest rides of the window, cannot be evaluated: {error}"
            ) from error
        log.warning("version %d is looked at without its package: %s", version, error)
        return None
