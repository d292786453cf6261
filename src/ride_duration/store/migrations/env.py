"""What Alembic runs: the migrations, on the connection that it is handed, inside its transaction."""

from alembic import context

from ride_duration.store.schema import load_metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=load_metadata(), render_as_batch=True
)
context.run_migrations()
