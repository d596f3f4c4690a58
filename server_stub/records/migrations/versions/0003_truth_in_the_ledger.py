"""Blobs, appointments, copies of seals, audiences, salts, owners that are persons"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SALTED = {"person": "id", "physical_seal": "code", "application": "id", "seal": "id"}


def upgrade() -> None:
    bind = op.get_bind()
    op.create_table(
        "blob",
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("address"),
    )
    op.create_table(
        "appointment",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("enterprise_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("seal_id", sa.String(), nullable=True),
        sa.Column("application_id", sa.String(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("proof", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["enterprise_id"], ["enterprise.id"]),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.ForeignKeyConstraint(["seal_id"], ["seal.id"]),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_appointment_enterprise_id", "appointment", ["enterprise_id"])
    op.create_index("ix_appointment_person_id", "appointment", ["person_id"])
    op.create_table(
        "seal_copy",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("seal_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("holder_id", sa.String(), nullable=True),
        sa.Column("certificate_sn", sa.String(), nullable=False),
        sa.Column("es_id", sa.String(), nullable=False),
        sa.Column("seal_sm3", sa.String(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("grant_id", sa.String(), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["seal_id"], ["seal.id"]),
        sa.ForeignKeyConstraint(["holder_id"], ["person.id"]),
        sa.ForeignKeyConstraint(["certificate_sn"], ["certificate.sn"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_seal_copy_seal_id", "seal_copy", ["seal_id"])
    op.create_index("ix_seal_copy_certificate_sn", "seal_copy", ["certificate_sn"])
    op.create_table(
        "ledger_audience",
        sa.Column("log", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("audience", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("log", "number", "audience"),
    )
    op.create_index("ledger_audience_by_whom", "ledger_audience", ["audience", "log", "number"])
    op.execute(
        "INSERT INTO ledger_audience (log, number, audience) SELECT log, number, enterprise_id"
        " FROM ledger_entry WHERE enterprise_id IS NOT NULL"
    )
    with op.batch_alter_table("ledger_entry") as table:
        table.drop_index("ledger_entry_by_enterprise")
        table.drop_column("enterprise_id")
    _give_salts(bind)
    _free_owners()
    with op.batch_alter_table("application") as table:
        table.add_column(sa.Column("payload", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("application") as table:
        table.alter_column("payload", server_default=None)
        table.add_column(sa.Column("address_index", sa.LargeBinary(), nullable=True))
        table.create_index("ix_application_address_index", ["address_index"])
    op.create_table(
        "material",
        sa.Column("application_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("blob_sm3", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"]),
        sa.PrimaryKeyConstraint("application_id", "kind"),
    )
    _appoint(bind)
    op.drop_table("membership")
    op.execute(
        "INSERT INTO seal_copy (id, seal_id, kind, holder_id, certificate_sn, es_id, seal_sm3,"
        " valid_from, valid_until, grant_id, made_at)"
        " SELECT 'copy_' || substr(s.id, 6), s.id, 'original', c.person_id, s.certificate_sn,"
        " s.seal_code, s.seal_sm3, s.valid_from, s.valid_until, NULL, s.valid_from"
        " FROM seal s JOIN certificate c ON c.sn = s.certificate_sn"
    )


def _give_salts(bind: sa.Connection) -> None:
    for name, key in _SALTED.items():
        with op.batch_alter_table(name) as table:
            table.add_column(sa.Column("salt", sa.LargeBinary(), nullable=True))
        found = sa.table(name, sa.column(key, sa.String()), sa.column("salt", sa.LargeBinary()))
        for (identity,) in bind.execute(sa.select(found.c[key])).all():
            values = {"salt": secrets.token_bytes(16)}
            bind.execute(sa.update(found).where(found.c[key] == identity).values(**values))
        with op.batch_alter_table(name) as table:
            table.alter_column("salt", existing_type=sa.LargeBinary(), nullable=False)


def _free_owners() -> None:
    """A seal may be a person's own."""
    text = sa.String()
    with op.batch_alter_table("application") as table:
        table.alter_column("enterprise_id", existing_type=text, nullable=True)
        table.alter_column("legal_rep_id", existing_type=text, nullable=True)
    with op.batch_alter_table("physical_seal") as table:
        table.alter_column("enterprise_id", existing_type=text, nullable=True)
        table.add_column(sa.Column("person_id", text, nullable=True))
        table.create_foreign_key("physical_seal_person_id_fkey", "person", ["person_id"], ["id"])
    with op.batch_alter_table("seal") as table:
        table.alter_column("enterprise_id", existing_type=text, nullable=True)
        table.alter_column("physical_code", existing_type=text, nullable=True)
        table.add_column(sa.Column("person_id", text, nullable=True))
        table.create_foreign_key("seal_person_id_fkey", "person", ["person_id"], ["id"])
        table.create_index("ix_seal_person_id", ["person_id"])
    with op.batch_alter_table("usage_record") as table:
        table.alter_column("enterprise_id", existing_type=text, nullable=True)
        table.add_column(sa.Column("person_id", text, nullable=True))
        table.create_foreign_key("usage_record_person_id_fkey", "person", ["person_id"], ["id"])
        table.create_index("ix_usage_record_person_id", ["person_id"])


def _appoint(bind: sa.Connection) -> None:
    """What was a member of an enterprise, holding a role for all its seals, stays so."""
    names = ("enterprise_id", "person_id", "role", "since", "until")
    members = sa.table("membership", *(sa.column(name) for name in names))
    made = sa.table(
        "appointment",
        sa.column("id"),
        *(sa.column(name) for name in names),
        sa.column("proof", sa.JSON()),
    )
    for row in bind.execute(sa.select(members)).mappings().all():
        values = {**row, "id": f"appointment_{secrets.token_hex(8)}", "proof": {"kind": "member"}}
        bind.execute(sa.insert(made).values(**values))


def downgrade() -> None:
    raise RuntimeError("what the ledger says cannot be taken back")
