"""Settings of the Kedro project; see https://docs.kedro.org/en/stable/tutorials/settings/."""

import os
import warnings

import ride_duration.interrupts  # noqa: F401  before the others, which take seconds
from ride_duration.config_loader import ConfigLoader, environment_variable
from ride_duration.hooks.run import ProgressHook, ProjectFolderHook
from ride_duration.hooks.run_lock import RunLockHook
from ride_duration.hooks.tracking import TrackingHook

# Kedro 1.7 still uses OmegaConf's old name for registering resolvers, and would say so on every command.
warnings.filterwarnings("ignore", message="register_new_resolver", category=UserWarning)

# Kedro calls hooks last to first: the folder is checked, then a run is locked, tracked, and shown.
HOOKS = (ProgressHook(), TrackingHook(), RunLockHook(), ProjectFolderHook())

CONFIG_LOADER_CLASS = ConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"globals": "soft", "parameters": "soft"},
    "custom_resolvers": {"cores": lambda: os.cpu_count() or 1, "environment": environment_variable},
}
