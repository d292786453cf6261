"""What happens around every command and run: the project's folder is checked, and progress is shown."""

from __future__ import annotations

import logging
import re
import time
from multiprocessing import parent_process
from typing import TYPE_CHECKING

from kedro.framework.hooks import hook_impl

from ride_duration.errors import ConfigurationError

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

log = logging.getLogger(__name__)


#: Steps that take longer than this (seconds) say how long.
_LONG = 2.0


#: Kedro's patterns (`*?[]` of its configuration, `{}` of its catalog), MLflow's addresses (`%?`), DuckDB's escapes (a
#: backslash, `"`, control characters), and what parts one folder from the next in PATH (`:`).
_NO_FOLDER_NAME = re.compile(r"[%?*:\x22\\\[\]{}\x00-\x1f\x7f]|[\ud800-\udfff]")


class ProjectFolderHook:
    """Refuses a project in a folder that its libraries would not find, or take for another one, before any is read."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        project = str(context.project_path)
        if found := _NO_FOLDER_NAME.search(project):
            raise ConfigurationError(
                f"the project lies in {project!r}, and {found[0]!r} in the name of a folder means "
                "something else to the libraries that read and write there; rename that folder, then run again"
            )


class ProgressHook:
    """Says which step runs, of how many, and how long the long ones took."""

    def __init__(self) -> None:
        self._steps = self._step = 0
        self._started = 0.0

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        self._steps, self._step = len(pipeline.nodes), 0

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        self._step += 1
        self._started = time.perf_counter()
        if parent_process() is None:
            log.info("[%2d/%d] %s", self._step, self._steps, node.short_name)
        else:  # of several that share the steps, none can count them
            log.info("%s", node.short_name)

    @hook_impl
    def after_node_run(self) -> None:
        took = time.perf_counter() - self._started
        if took >= _LONG:
            log.info("       took %.0f s", took)
