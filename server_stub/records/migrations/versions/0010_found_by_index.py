"""Certificates, grants and all else found without reading a whole table"""

import sqlalchemy as sa
from alembic import op

from crypto.algorithms import gm

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_INDEXES = {
    **{
        f"ix_{table}_{column}": (table, [column])
        for table, columns in {
            "application": ("payload_sm3",),
            "assessment": ("imprint_sm3",),
            "certificate": ("der_sm3",),
            "dispute": ("statement_sm3", "enclosure_sm3", "package_sm3"),
            "enterprise": ("name",),
            "filing": ("seal_id",),
            "idempotency": ("created_at",),
            "material": ("blob_sm3",),
            "refresh_token": ("expires_at",),
            "seal": ("grant_id", "imprint_sm3", "physical_code", "seal_sm3"),
            "seal_copy": ("seal_sm3",),
            "seal_grant": ("grantee_sm3",),
            "session": ("certificate_sn", "expires_at", "used_at"),
        }.items()
        for column in columns
    },
    "seal_by_end": ("seal", ["state", "valid_until"]),
    "seal_grant_by_end": ("seal_grant", ["state", "valid_until"]),
}


def upgrade() -> None:
    with op.batch_alter_table("certificate") as table:
        table.add_column(sa.Column("der_sm3", sa.String(), nullable=True))
    _fill()
    with op.batch_alter_table("certificate") as table:
        table.alter_column("der_sm3", existing_type=sa.String(), nullable=False)
    op.add_column("seal_grant", sa.Column("tries", sa.BigInteger(), nullable=True))
    for name, (table, columns) in _INDEXES.items():
        op.create_index(name, table, columns)


def _fill() -> None:
    bind = op.get_bind()
    rows = sa.table("certificate", *(sa.column(name) for name in ("sn", "der", "der_sm3")))
    for sn, der in bind.execute(sa.select(rows.c.sn, rows.c.der)).all():
        digest = gm.sm3(bytes(der)).hex()
        bind.execute(sa.update(rows).where(rows.c.sn == sn).values(der_sm3=digest))


def downgrade() -> None:
    for name, (table, _) in _INDEXES.items():
        op.drop_index(name, table)
    op.drop_column("seal_grant", "tries")
    with op.batch_alter_table("certificate") as table:
        table.drop_column("der_sm3")
