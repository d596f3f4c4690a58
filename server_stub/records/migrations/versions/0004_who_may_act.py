"""Whom an application waits for"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("application") as table:
        table.add_column(sa.Column("awaiting", sa.String(), nullable=True))
        table.create_index("ix_application_awaiting", ["awaiting"])


def downgrade() -> None:
    with op.batch_alter_table("application") as table:
        table.drop_index("ix_application_awaiting")
        table.drop_column("awaiting")
