"""Calls about a lost Ukey, which two of the platform's people see to"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text, number = sa.String(), sa.BigInteger()
    op.create_table(
        "loss_call",
        *(
            sa.Column(name, text, nullable=False)
            for name in ("id", "seal_id", "caller", "shown", "state", "reported_by")
        ),
        sa.Column("reported_at", number, nullable=False),
        sa.Column("decided_by", text, nullable=True),
        sa.Column("decided_at", number, nullable=True),
        sa.ForeignKeyConstraint(["seal_id"], ["seal.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_loss_call_state", "loss_call", ["state"])


def downgrade() -> None:
    raise RuntimeError("what the ledger says cannot be taken back")
