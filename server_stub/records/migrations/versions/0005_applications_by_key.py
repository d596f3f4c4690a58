"""Applications are found by their key"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("application") as table:
        table.create_index("ix_application_spki", ["spki"])


def downgrade() -> None:
    with op.batch_alter_table("application") as table:
        table.drop_index("ix_application_spki")
