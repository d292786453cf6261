"""The settings of the service, as they are given to it when it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ride_duration.clock import Clock, ClockKind, open_clock
from ride_duration.errors import ConfigurationError
from ride_duration.store.database import locate_store
from ride_duration.struct_settings import convert_settings

#: Addresses that only this machine reaches.
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class RequestLimits(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How much one client, and all of them, may request.

    Attributes:
        body_bytes: Of one request.
        body_seconds: In which a request must have arrived, its header and its body each.
        requests_per_second: Of one client, on the average.
        burst: Requests that a client may send at once after a pause.
        concurrency: Requests that wait for an answer at the same time; those that still arrive are not counted.
        batches: Requests with many rides, or that want reasons, that wait at the same time besides those.
        keep_alive_seconds: After which a connection that was answered, and says nothing more, is closed.
    """

    body_bytes: Annotated[int, Meta(ge=1)] = 1_000_000
    body_seconds: Annotated[float, Meta(gt=0)] = 10.0
    requests_per_second: Annotated[float, Meta(gt=0)] = 20_000.0
    burst: Annotated[int, Meta(ge=1)] = 20_000
    concurrency: Annotated[int, Meta(ge=1)] = 64
    batches: Annotated[int, Meta(ge=1)] = 16
    keep_alive_seconds: Annotated[int, Meta(ge=1)] = 75


class ServiceSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """All settings of the service. The defaults are those of `conf/base/parameters_serving.yml`.

    Attributes:
        project: Folder that other paths are relative to.
        model: Name of the registered model.
        package: Folder of a model package that is served in place of the registry's champion; empty: none.
        tracking: `uri` and `artifacts` of the registry.
        host: Address to listen on.
        port: Port to listen on.
        instance: Name of this one among several services of the project; default: its port.
        store: Where predictions are kept, an SQLAlchemy URL; SQLite files are relative to the project.
        clock: File of the simulated clock that times are on, relative to the project; empty: the machine's clock.
        folder: For the journal and the cache of packages; each instance has a sub-folder.
        durability: What an acknowledged prediction survives: nothing, kill -9, or a power cut.
        journal_bytes: Most bytes that wait in the journal while the database is away.
        zone_shapes: File of the shapes of the taxi zones, relative to the project; they are done without if it is not
            there.
        registry_seconds: Between looks at the registry.
        monitoring_seconds: Between looks at what the monitoring found, and at alerts to be sent.
        level: Whether answers are multiplied by the live level: `off` or `live`.
        level_seconds: Between looks at the live level.
        level_rules: How it is computed; not needed where it is off.
        label_delay_hours: From the drop-off to the label, until the monitoring has learned it.
        api_keys: File of API keys; they are required as soon as the host is not this machine's own.
        require_keys: Require them in any case, for instance behind a proxy.
        behind_proxy: Whether X-Forwarded-For of this machine's proxy is trusted.
        limits: How much may be requested.
        rollout: The plan by which a challenger takes over; None: no rollouts.
        alerting: Which alerts are raised, and how they are sent; None: none.
        release_command: Releases a first version of the model, for messages.
    """

    project: str
    model: str
    package: str = ""
    tracking: dict[str, str] = {}
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65_535)] = 9696
    instance: str = ""
    store: str = "sqlite:///data/serving/predictions.db"
    clock: str = ""
    folder: str = "data/serving"
    durability: Literal["memory", "journal", "sync"] = "journal"
    journal_bytes: Annotated[int, Meta(ge=1)] = 256_000_000
    zone_shapes: str = "data/02_intermediate/zone_shapes.geojson"
    registry_seconds: Annotated[float, Meta(gt=0)] = 2.0
    monitoring_seconds: Annotated[float, Meta(gt=0)] = 15.0
    level: Literal["off", "live"] = "off"
    level_seconds: Annotated[float, Meta(gt=0, le=8)] = 5.0
    level_rules: dict[str, Any] | None = None
    label_delay_hours: Annotated[float, Meta(ge=0)] = 24.0
    api_keys: str = "conf/local/api_keys.json"
    require_keys: bool = False
    behind_proxy: bool = False
    limits: RequestLimits = RequestLimits()
    rollout: dict[str, Any] | None = None
    alerting: dict[str, Any] | None = None
    release_command: str = "kedro run"

    @property
    def name(self) -> str:
        """Of this instance."""
        return self.instance or str(self.port)

    @property
    def own_folder(self) -> Path:
        """Of this instance."""
        return self.folder_path / self.name

    @property
    def project_path(self) -> Path:
        """Folder that other paths are relative to."""
        return Path(self.project)

    @property
    def folder_path(self) -> Path:
        """For all instances."""
        return self.project_path / self.folder

    @property
    def clock_kind(self) -> ClockKind:
        """Which clock times are on."""
        return ClockKind.SIMULATED if self.clock else ClockKind.REAL

    def open_clock(self) -> Clock:
        """Return the clock that times are on.

        Raises:
            ConfigurationError: It is a simulated one, and was not started.
        """
        return open_clock(self.project_path / self.clock if self.clock else None)

    @property
    def keys_path(self) -> Path:
        """File of API keys."""
        return self.project_path / self.api_keys

    @property
    def keys_required(self) -> bool:
        """Whether requests need an API key."""
        return self.require_keys or self.host not in LOOPBACK

    @property
    def store_url(self) -> str:
        """Where predictions are kept, SQLite files by absolute path."""
        return locate_store(self.store, self.project_path)


def read_settings(path: Path) -> ServiceSettings:
    """Read settings from a JSON file.

    Raises:
        ConfigurationError: There is no such file, or a value cannot be used; names the field.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=ServiceSettings)
    except OSError as error:
        raise ConfigurationError(f"the settings {path} cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"the settings {path} cannot be used: {error}") from error


def check_settings(given: dict[str, Any]) -> ServiceSettings:
    """Return settings from what `conf/` says.

    Raises:
        ConfigurationError: A value cannot be used; names it.
    """
    return convert_settings(given, ServiceSettings, "serving", "the service cannot be started")
