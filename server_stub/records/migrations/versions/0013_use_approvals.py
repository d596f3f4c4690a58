"""Policies of use, requests, and what their approvers said"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TEXT, _NUMBER, _BYTES, _YES = sa.String, sa.BigInteger, sa.LargeBinary, sa.Boolean


def _need(name: str, kind: type, target: str = "") -> sa.Column:
    keys = [sa.ForeignKey(target)] if target else []
    return sa.Column(name, kind(), *keys, nullable=False)


def _may(name: str, kind: type) -> sa.Column:
    return sa.Column(name, kind(), nullable=True)


def upgrade() -> None:
    op.create_table(
        "use_policy",
        _need("id", _TEXT),
        _need("seal_id", _TEXT, "seal.id"),
        _need("enterprise_id", _TEXT, "enterprise.id"),
        _need("token", _BYTES),
        _need("needed", _NUMBER),
        *(_need(name, _YES) for name in ("offline", "phone")),
        _need("set_at", _NUMBER),
        _may("ended_at", _NUMBER),
        _need("salt", _BYTES),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "policy_approver",
        _need("policy_id", _TEXT, "use_policy.id"),
        _need("certificate_sn", _TEXT, "certificate.sn"),
        _need("person_id", _TEXT, "person.id"),
        sa.PrimaryKeyConstraint("policy_id", "certificate_sn"),
    )
    op.create_table(
        "approver_key",
        _need("id", _TEXT),
        _need("certificate_sn", _TEXT, "certificate.sn"),
        _need("token", _BYTES),
        _need("made_at", _NUMBER),
        _need("salt", _BYTES),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "use_request",
        _need("id", _TEXT),
        _need("seal_id", _TEXT, "seal.id"),
        _need("policy_id", _TEXT, "use_policy.id"),
        _need("enterprise_id", _TEXT, "enterprise.id"),
        _need("requester_id", _TEXT, "person.id"),
        _need("certificate_sn", _TEXT, "certificate.sn"),
        _need("document_sm3", _TEXT),
        _need("token", _BYTES),
        *(_need(name, _NUMBER) for name in ("copies", "used")),
        _need("state", _TEXT),
        _may("reason", _TEXT),
        *(_need(name, _NUMBER) for name in ("pages", "created_at", "until", "changed_at")),
        _need("salt", _BYTES),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "use_approver",
        _need("request_id", _TEXT, "use_request.id"),
        _need("certificate_sn", _TEXT, "certificate.sn"),
        _need("person_id", _TEXT, "person.id"),
        _need("link", _TEXT),
        _may("decision", _TEXT),
        _may("phone", _YES),
        _may("token", _BYTES),
        _may("decided_at", _NUMBER),
        _need("salt", _BYTES),
        sa.PrimaryKeyConstraint("request_id", "certificate_sn"),
        sa.UniqueConstraint("link"),
    )
    op.create_table(
        "use_page",
        _need("request_id", _TEXT, "use_request.id"),
        _need("number", _NUMBER),
        _need("blob_sm3", _TEXT),
        sa.PrimaryKeyConstraint("request_id", "number"),
    )
    op.create_table(
        "use_key",
        _need("request_id", _TEXT, "use_request.id"),
        _need("key_id", _TEXT),
        _need("certificate_sn", _TEXT, "certificate.sn"),
        _need("kind", _TEXT),
        _need("wrapped", _BYTES),
        sa.PrimaryKeyConstraint("request_id", "key_id"),
    )
    for table, column in (
        ("use_policy", "seal_id"),
        ("policy_approver", "certificate_sn"),
        ("approver_key", "certificate_sn"),
        *(("use_request", name) for name in ("seal_id", "policy_id", "requester_id", "state")),
        ("use_approver", "certificate_sn"),
    ):
        op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    raise RuntimeError("what the ledger says cannot be taken back")
