"""Notices of authorities, and asking register and police again"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text, number = sa.String(), sa.BigInteger()
    op.create_table(
        "notice",
        *(
            sa.Column(name, text, nullable=False)
            for name in ("id", "sender", "number", "action", "object", "reason")
        ),
        sa.Column("effective_at", number, nullable=False),
        sa.Column("received_at", number, nullable=False),
        sa.Column("text_sm3", text, nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("state", text, nullable=False),
        sa.Column("seals", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("notice_by_number", "notice", ["sender", "number"], unique=True)
    op.create_table(
        "recheck",
        sa.Column("seal_id", text, nullable=False),
        sa.Column("asked_at", number, nullable=False),
        sa.Column("due_at", number, nullable=False),
        sa.ForeignKeyConstraint(["seal_id"], ["seal.id"]),
        sa.PrimaryKeyConstraint("seal_id"),
    )
    op.create_index("ix_recheck_due_at", "recheck", ["due_at"])


def downgrade() -> None:
    raise RuntimeError("what the ledger says cannot be taken back")
