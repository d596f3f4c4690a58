"""What reviewers and auditors look for"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INDEXES = {
    "application_by_wait": ("application", ["state", "updated_at", "id"]),
    "usage_record_by_time": ("usage_record", ["received_at", "id"]),
    "checkpoint_by_time": ("checkpoint", ["log", "created_at"]),
    "ix_person_name": ("person", ["name"]),
    "ledger_entry_by_whom": ("ledger_entry", ["done_by", "log", "number"]),
}


def upgrade() -> None:
    op.create_table(
        "assessment",
        sa.Column("application_id", sa.String(), nullable=False),
        sa.Column("payload_sm3", sa.String(), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.Column("imprint_sm3", sa.String(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"]),
        sa.PrimaryKeyConstraint("application_id"),
    )
    with op.batch_alter_table("staff") as table:
        table.add_column(sa.Column("identity_index", sa.LargeBinary(), nullable=True))
    op.add_column("ledger_entry", sa.Column("done_by", sa.String(), nullable=True))
    _fill()
    for name, (table, columns) in _INDEXES.items():
        op.create_index(name, table, columns)


def _fill() -> None:
    """Entries that say who did it are found by whom."""
    bind = op.get_bind()
    places = sa.table(
        "ledger_entry",
        *(sa.column(name) for name in ("log", "number", "record", "done_by")),
    )
    number = -1
    while True:
        rows = bind.execute(
            sa.select(places.c.number, places.c.record)
            .where(places.c.log == "ledger", places.c.number > number)
            .order_by(places.c.number)
            .limit(1000)
        ).all()
        if not rows:
            return
        for number, record in rows:
            by = json.loads(bytes(record)).get("by") or {}
            who = by.get("person") or by.get("account")
            if who:
                bind.execute(
                    sa.update(places)
                    .where(places.c.log == "ledger", places.c.number == number)
                    .values(done_by=who)
                )


def downgrade() -> None:
    for name, (table, _) in _INDEXES.items():
        op.drop_index(name, table)
    op.drop_column("ledger_entry", "done_by")
    with op.batch_alter_table("staff") as table:
        table.drop_column("identity_index")
    op.drop_table("assessment")
