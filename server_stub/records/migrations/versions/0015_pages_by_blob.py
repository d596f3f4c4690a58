"""Pages of a request to use a seal, found by their blob"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_use_page_blob_sm3", "use_page", ["blob_sm3"])


def downgrade() -> None:
    op.drop_index("ix_use_page_blob_sm3", "use_page")
