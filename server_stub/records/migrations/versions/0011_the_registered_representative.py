"""Whom the register has as legal representative, as it was last looked at"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("enterprise", sa.Column("legal_rep_index", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("enterprise", "legal_rep_index")
