"""Who approves uses, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ui.language import tr

if TYPE_CHECKING:
    from crypto.seal.use_policy import Approver


def named(approvers: Iterable[Approver]) -> str:
    """Names and roles."""
    said = (
        tr("{name}（{role}）", name=approver.name, role=approver.role) for approver in approvers
    )
    return tr("、").join(said)
