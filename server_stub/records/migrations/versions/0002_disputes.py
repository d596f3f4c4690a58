"""Disputes"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dispute",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("seal_id", sa.String(), nullable=False),
        sa.Column("seal_code", sa.String(), nullable=False),
        sa.Column("document_sm3", sa.String(), nullable=False),
        sa.Column("statement_sm3", sa.String(), nullable=False),
        sa.Column("secret_sm3", sa.String(), nullable=False),
        sa.Column("signer_sn", sa.String(), nullable=True),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.Column("enclosure_sm3", sa.String(), nullable=True),
        sa.Column("package_sm3", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["seal_id"], ["seal.id"]),
        sa.ForeignKeyConstraint(["signer_sn"], ["certificate.sn"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_dispute_state", "dispute", ["state"])


def downgrade() -> None:
    op.drop_index("ix_dispute_state", "dispute")
    op.drop_table("dispute")
