"""What a certificate lets its holder do for the platform."""

from __future__ import annotations

from crypto.pki.certificate import Certificate

ORGANISATION = "平台工作人员"
"""O of their certificates."""
ROLES = {"审核员": "reviewer", "审计员": "auditor"}
"""OU of their certificates → what they may do."""


def role_of(certificate: Certificate) -> str:
    """reviewer, auditor or "" (a certificate of no member of staff)."""
    subject = certificate.subject
    return ROLES.get(subject.get("OU"), "") if subject.organization == ORGANISATION else ""
