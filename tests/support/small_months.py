"""Raw months of few rows, for tests that need whole runs and not whole months."""

import pyarrow.parquet as pq

from tests.conftest import Project


def with_small_months(project: Project, finished: Project, rows: int = 3_000) -> Project:
    """Let a project have the raw months of the finished one, so many rows of each and evenly taken."""
    folder = project.data("01_raw/simulated")
    folder.mkdir(parents=True)
    for path in sorted(finished.data("01_raw/simulated").glob("*.parquet")):
        whole = pq.read_table(path)
        pq.write_table(whole.take([row * len(whole) // rows for row in range(rows)]), folder / path.name)
    return project
