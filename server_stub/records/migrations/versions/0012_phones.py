"""Phones that a Ukey has bound"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text, number = sa.String(), sa.BigInteger()
    op.create_table(
        "phone_pairing",
        sa.Column("id", text, nullable=False),
        sa.Column("certificate_sn", text, nullable=False),
        sa.Column("nonce", text, nullable=False),
        sa.Column("expires_at", number, nullable=False),
        sa.Column("proof", text, nullable=True),
        sa.Column("mac", sa.LargeBinary(), nullable=True),
        sa.Column("phone_id", text, nullable=True),
        sa.ForeignKeyConstraint(["certificate_sn"], ["certificate.sn"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_phone_pairing_certificate_sn", "phone_pairing", ["certificate_sn"])
    op.create_table(
        "phone",
        sa.Column("id", text, nullable=False),
        sa.Column("certificate_sn", text, nullable=False),
        sa.Column("person_id", text, nullable=False),
        sa.Column("enterprise_id", text, nullable=True),
        sa.Column("credential", text, nullable=False),
        sa.Column("binding", text, nullable=False),
        sa.Column("binding_sha256", text, nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("state", text, nullable=False),
        sa.Column("bound_at", number, nullable=False),
        sa.Column("valid_until", number, nullable=False),
        sa.Column("ended_at", number, nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["certificate_sn"], ["certificate.sn"]),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.ForeignKeyConstraint(["enterprise_id"], ["enterprise.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("credential"),
    )
    for column in ("certificate_sn", "binding_sha256"):
        op.create_index(f"ix_phone_{column}", "phone", [column])


def downgrade() -> None:
    raise RuntimeError("what the ledger says cannot be taken back")
