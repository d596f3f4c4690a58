"""Personal owners, kinds of applications, second reviewers, what a copy became"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text, number = sa.String(), sa.BigInteger()
    with op.batch_alter_table("application") as table:
        for name in ("person_id", "target_id", "cause", "second_reviewer"):
            table.add_column(sa.Column(name, text, nullable=True))
        table.add_column(sa.Column("submitted_at", number, nullable=True))
        table.create_foreign_key("application_person_id_fkey", "person", ["person_id"], ["id"])
        table.create_index("ix_application_person_id", ["person_id"])
        table.create_index("ix_application_target_id", ["target_id"])
    with op.batch_alter_table("seal") as table:
        table.add_column(sa.Column("shape", text, nullable=True))
        table.add_column(sa.Column("width_mm", number, nullable=True))
        table.add_column(sa.Column("height_mm", number, nullable=True))
    with op.batch_alter_table("seal_copy") as table:
        for name in ("application_id", "end_reason"):
            table.add_column(sa.Column(name, text, nullable=True))
        for name in ("collected_at", "ended_at"):
            table.add_column(sa.Column(name, number, nullable=True))
        table.create_foreign_key(
            "seal_copy_application_id_fkey", "application", ["application_id"], ["id"]
        )
        table.create_index("ix_seal_copy_application_id", ["application_id"])


def downgrade() -> None:
    raise RuntimeError("what the ledger says cannot be taken back")
