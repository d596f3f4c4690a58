"""Runs the migrations on the connection that ``store.upgrade`` passes."""

from alembic import context

from server_stub.records.store import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
