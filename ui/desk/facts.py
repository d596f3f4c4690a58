"""What the window is told of whom this machine believes.

It is read from what lies on this machine; nothing is changed and nobody is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.errors import phrase
from crypto.verdict import one_line
from ui.shell.context.values import RegistryView, TrustView

if TYPE_CHECKING:
    from app.settings import Settings
    from app.store.cabinet import Cabinet


def trust_view(settings: Settings, cabinet: Cabinet) -> TrustView:
    """The anchors, the known platforms, and how far their registries were followed."""
    from app.remote import registry
    from app.store import anchors, kept_trust_list
    from app.store.trusted_platforms import trusted_platforms

    made = kept_trust_list.kept(settings)
    line = phrase("trust.list_line", settings.language)
    found = anchors.listed(settings)
    if not settings.allow_own_trust:
        found += anchors.own(settings)
    return TrustView(
        tuple(found),
        not settings.allow_own_trust,
        tuple(cabinet.platforms()),
        tuple(
            RegistryView(each.platform, each.size, registry.root(each).hex(), each.seen_at)
            for each in cabinet.registries()
        ),
        tuple(trusted_platforms(settings)),
        line.format(
            sequence=made.sequence,
            operator=one_line(made.operator),
            until=f"{made.next_update:%Y-%m-%d}",
            count=len(made.platforms),
        )
        if made
        else "",
    )
