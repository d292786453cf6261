"""Configuration: Kedro's own loader, with parameter names checked and grouped."""

import copy
import io
import logging
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kedro.config import OmegaConfigLoader
from kedro.utils import get_close_matches
from omegaconf import DictConfig, OmegaConf
from yaml import MarkedYAMLError, YAMLError

from ride_duration.errors import ConfigurationError
from ride_duration.pipelines import find_modules

if TYPE_CHECKING:
    from ride_duration.pipelines.parameters import Parameters

#: Below these groups of a model any name may be given: the estimators know them, and check them.
_OPEN_GROUPS = ("hyper_parameters", "search_space")
_HAVE_OPEN_GROUPS = ("models.", "intervals.model.", "expected_errors.model.")

#: Names that parameters had before, and have in files of users and in records of runs.
_FORMER_NAMES = {"service": "taxi_type"}

log = logging.getLogger(__name__)


class ConfigLoader(OmegaConfigLoader):
    """Refuses misspelt parameters, and adds the groups that nodes are given, the environment, and what a run was given.

    Kedro itself takes any name that `--params` brings, and ignores those that no node reads. The groups that the
    pipelines' `parameters.py` declare are made here, and not by interpolation in `conf/`, since Kedro resolves each
    environment by itself: what `--env` or `conf/local` override would not reach them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._read: dict[str, dict[str, Any]] = {}
        super().__init__(*args, **kwargs)
        self._values: dict[str, Any] | None = None
        self._declared: dict[str, dict[str, Any]] = {}
        _check_literals(self.runtime_params or {})
        _rename_given(self.runtime_params or {})
        # `${parameter:source}` in the catalog is the parameter after environments and `--params` are merged. They are
        # merged once, since the catalog asks for many. `${parameter:name,value}` is the value where there is no such
        # parameter, as in the records of runs of former programs.
        merged = cache(lambda: self.read_values() | {"environment": self.env or self.default_run_env})
        OmegaConf.register_resolver("parameter", lambda name, *default: _find(merged(), name, *default), replace=True)

    def __getitem__(self, key: str) -> dict[str, Any]:
        # Parameters are asked for several times in a run, the catalog by commands that load several datasets, and each
        # time takes a quarter of a second or more.
        if key == "parameters" and key not in self._read:
            self._read[key] = self._read_parameters()
        if key == "catalog" and key not in self._read:
            self._read[key] = super().__getitem__(key)
        values: dict[str, Any] = copy.deepcopy(self._read[key]) if key in self._read else super().__getitem__(key)
        return values

    def read_values(self) -> dict[str, Any]:
        """Return the checked parameters without the groups for nodes, whose types take seconds to import."""
        if self._values is None:
            self._values = self._read_values()
        return copy.deepcopy(self._values)

    def _read_dir_configs(self, conf_path: str, patterns: Any, *args: Any, **kwargs: Any) -> Any:
        """Read the files of a folder as Kedro does, and name the file and the place of what cannot be read.

        What they declare is kept as it stands there: Kedro's merging changes it.
        """
        try:
            found = super()._read_dir_configs(conf_path, patterns, *args, **kwargs)
        except Exception:
            for path in sorted({path for pattern in patterns for path in Path(conf_path).glob(pattern)}):
                check_file(path)
            raise
        for path, config in found.items():
            if not isinstance(config, DictConfig):
                check_file(Path(path))
        if args[0] == "parameters":
            declared: dict[str, Any] = {}
            for config in found.values():
                declared = _merge(declared, cast("dict[str, Any]", OmegaConf.to_container(config)))
            self._declared[str(conf_path)] = declared
        return found

    def _read_parameters(self) -> dict[str, Any]:
        values = self.read_values()
        about_run = {
            "environment": self.env or self.default_run_env,
            "given_parameters": sorted(self.runtime_params or {}),
        }
        return values | _groups(values) | about_run

    def _read_values(self) -> dict[str, Any]:
        values: dict[str, Any] = super().__getitem__("parameters")
        for former, name in _FORMER_NAMES.items():
            if former in values:
                value = values.pop(former)
                values[name] = (self.runtime_params or {}).get(name, value)
        declared = self._declared[self._get_conf_env_path(self.base_env)]
        _check_names(dict.fromkeys(values), declared)
        if self.runtime_params:
            own = self._declared.get(self._get_conf_env_path(self.env or self.default_run_env), {})
            _check_names(self.runtime_params, _with_all_fields(_resolve(_merge(declared, own), values)))
        return values


def _find(values: dict[str, Any], name: str, *default: Any) -> Any:
    """Return a parameter, or the default if there is one and no parameter."""
    return values.get(name, *default) if default else values[name]


def _merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Merge two nested dictionaries; where both have a value that is not a group, the second one counts."""
    both = {name: _merge(under[name], over[name]) for name in over if _are_groups(under.get(name), over[name])}
    return under | over | both


def _are_groups(*values: Any) -> bool:
    return all(isinstance(value, dict) for value in values)


def _resolve(declared: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Put the values in place of interpolations, which may stand for groups."""
    resolved = {}
    for name, value in declared.items():
        if isinstance(value, str) and "${" in value:
            resolved[name] = values.get(name)
        elif isinstance(value, dict):
            below = values.get(name)
            resolved[name] = _resolve(value, below if isinstance(below, dict) else {})
        else:
            resolved[name] = value
    return resolved


def check_file(path: Path) -> None:
    """Check that a file of `conf/` can be read.

    Raises:
        ConfigurationError: It is not YAML, or not `name: value` lines; names the file, and the place where it is known.
    """
    if not path.is_file():
        return
    content = path.read_bytes()
    try:
        config = OmegaConf.load(io.StringIO(content.decode()))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{path}, line {line}, is not text in UTF-8; save the file as UTF-8") from error
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        place = f", line {mark.line + 1}, column {mark.column + 1}," if mark else ""
        reason = (error.problem if isinstance(error, MarkedYAMLError) else None) or str(error).partition("\n")[0]
        raise ConfigurationError(f"{path}{place} is not valid YAML: {reason}; fix it and run again") from error
    except OSError as error:  # of OmegaConf, for a file that holds a single value
        raise ConfigurationError(f"{path} holds a single value; write `name: value` lines") from error
    if not isinstance(config, DictConfig):
        raise ConfigurationError(f"{path} holds a list; write `name: value` lines")


def environment_variable(name: str) -> str:
    """What `${environment:NAME}` in `conf/` stands for: addresses and the like, which no file should tell.

    Raises:
        RideDurationError: It is not set.
    """
    value = os.environ.get(name, "")
    if not value:
        raise ConfigurationError(f"the environment variable {name} is not set, and `conf/` wants its value; export it")
    return value


def check_literal(name: str, value: Any) -> None:
    """Refuse `${...}` in a parameter that is given for one run: it would be resolved among the files of `conf/`.

    Raises:
        RideDurationError: The value holds one; names the parameter.
    """
    if isinstance(value, str) and "${" in value:
        raise ConfigurationError(
            f"parameter '{name}' is given as '{value.strip()}', but `${{...}}` belongs into the files of conf/ alone; "
            "write the value itself"
        )


def _rename_given(given: dict[str, Any]) -> None:
    """Give parameters of the command line that are called by a former name their present one, with a note."""
    for former, name in _FORMER_NAMES.items():
        if former not in given:
            continue
        if name in given:
            raise ConfigurationError(
                f"--params gives '{former}' and '{name}', which are the same; leave '{former}' out"
            )
        log.warning("the parameter '%s' is called '%s' now; the former name is deprecated", former, name)
        given[name] = given.pop(former)


def _check_literals(given: Any, above: str = "") -> None:
    if isinstance(given, dict):
        for name, value in given.items():
            check_literal(f"{above}{name}", str(name))
            _check_literals(value, f"{above}{name}.")
    elif isinstance(given, list | tuple):
        for value in given:
            _check_literals(value, above)
    else:
        check_literal(above.rstrip("."), given)


def _groups(values: dict[str, Any]) -> dict[str, Any]:
    """The groups of parameters that the pipelines declare."""
    from ride_duration.pipelines.parameters import TripSource

    groups = {}
    for _, module in find_modules("parameters"):
        for name, group in getattr(module, "GROUPS", {}).items():
            groups[name] = _fields(values, group)
        for name, keys in getattr(module, "READ", {}).items():
            read_data = [str(values[key]) for key in keys if values[key]]
            groups[name] = _fields(values, TripSource) | {"read_data": read_data}
    return groups


def find_made_groups() -> set[str]:
    """Return the names of the groups that are made for nodes: `conf/` has their values without a group."""
    modules = [module for _, module in find_modules("parameters")]
    return {name for module in modules for made in ("GROUPS", "READ") for name in getattr(module, made, {})}


def _fields(values: dict[str, Any], group: "type[Parameters]") -> dict[str, Any]:
    return {field: values[field] for field in group.model_fields if field in values}


def _with_all_fields(declared: dict[str, Any]) -> dict[str, Any]:
    """The parameters with every field that a model may have, also where its entry leaves some out."""
    from ride_duration.pipelines.data_science.model_choice import EarlyStopping, ModelChoice  # costs 50 ms

    entry = dict.fromkeys(ModelChoice.model_fields) | {"early_stopping": dict.fromkeys(EarlyStopping.model_fields)}
    return declared | {"models": dict.fromkeys(declared["models"], entry)}


def _check_names(given: dict[str, Any], declared: dict[str, Any], above: str = "") -> None:
    for name, value in given.items():
        if name in _OPEN_GROUPS and above.startswith(_HAVE_OPEN_GROUPS):
            continue
        if name not in declared:
            close = get_close_matches(name, declared)
            hint = f"did you mean '{above}{close[0]}'?" if close else f"there are: {', '.join(sorted(declared))}"
            raise ConfigurationError(f"unknown parameter '{above}{name}'; {hint}")
        if isinstance(value, dict):
            if not isinstance(declared[name], dict):
                raise ConfigurationError(
                    f"parameter '{above}{name}' is a single value, it has no '{next(iter(value))}'"
                )
            _check_names(value, declared[name], f"{above}{name}.")
        elif value is not None and isinstance(declared[name], dict):
            raise ConfigurationError(
                f"parameter '{above}{name}' is a group, and '{value}' is not; name one of its values, for instance "
                f"{above}{name}.{next(iter(declared[name]), 'NAME')}=..."
            )
