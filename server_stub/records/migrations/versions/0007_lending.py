"""Grants, leases, and tokens that report uses"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("seal") as table:
        table.add_column(sa.Column("original_id", sa.String(), nullable=True))
        table.add_column(sa.Column("grant_id", sa.String(), nullable=True))
        table.create_foreign_key("seal_original_id_fkey", "seal", ["original_id"], ["id"])
        table.create_index("ix_seal_original_id", ["original_id"])
    op.create_table(
        "seal_grant",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("seal_id", sa.String(), nullable=False),
        sa.Column("enterprise_id", sa.String(), nullable=False),
        sa.Column("grantor_id", sa.String(), nullable=True),
        sa.Column("grantee_by", sa.String(), nullable=False),
        sa.Column("grantee_sm3", sa.String(), nullable=False),
        sa.Column("grantee_salt", sa.LargeBinary(), nullable=True),
        sa.Column("grantee_id", sa.String(), nullable=True),
        sa.Column("terms", sa.String(), nullable=False),
        sa.Column("terms_sm3", sa.String(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("max_uses", sa.BigInteger(), nullable=False),
        sa.Column("offline_quota", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("offered_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["seal_id"], ["seal.id"]),
        sa.ForeignKeyConstraint(["enterprise_id"], ["enterprise.id"]),
        sa.ForeignKeyConstraint(["grantor_id"], ["person.id"]),
        sa.ForeignKeyConstraint(["grantee_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("seal_id", "enterprise_id", "grantee_id", "state"):
        op.create_index(f"ix_seal_grant_{column}", "seal_grant", [column])
    op.create_table(
        "lease",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("seal_id", sa.String(), nullable=False),
        sa.Column("certificate_sn", sa.String(), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["seal_id"], ["seal.id"]),
        sa.ForeignKeyConstraint(["certificate_sn"], ["certificate.sn"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_lease_seal_id", "lease", ["seal_id"])
    with op.batch_alter_table("usage_record") as table:
        table.add_column(sa.Column("lease_id", sa.String(), nullable=True))
        table.add_column(sa.Column("lease_use", sa.BigInteger(), nullable=True))
        table.create_index("usage_record_by_lease", ["lease_id", "lease_use"])
    with op.batch_alter_table("session") as table:
        table.add_column(sa.Column("scope", sa.String(), nullable=True))
    op.create_table(
        "refresh_token",
        sa.Column("token_sm3", sa.LargeBinary(), nullable=False),
        sa.Column("certificate_sn", sa.String(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["certificate_sn"], ["certificate.sn"]),
        sa.PrimaryKeyConstraint("token_sm3"),
    )
    op.create_index("ix_refresh_token_certificate_sn", "refresh_token", ["certificate_sn"])


def downgrade() -> None:
    raise RuntimeError("what the ledger says cannot be taken back")
