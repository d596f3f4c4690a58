"""The seal that another one has replaced, found by it"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_seal_successor_id", "seal", ["successor_id"])


def downgrade() -> None:
    op.drop_index("ix_seal_successor_id", "seal")
