"""What register, police and identity check say of an application, asked before a reviewer looks.

A background job asks once for each submission and again when it is claimed, and every
`settings.assessment_hours`; the answers are stored, so that a list of applications asks nobody.
Whoever approves is told once more, at that moment (:func:`server_stub.changing.assessing.assess`).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from server_stub import applying, issuing
from server_stub.changing import assessing
from server_stub.context import Platform
from server_stub.neighbours.adapters import FiledSeal, NeighbourError
from server_stub.records import canonical
from server_stub.records.blobs import SealedBlob, keep, let_go
from server_stub.records.ledger import Transaction
from server_stub.records.store import Application, Assessment, Enterprise, Person

AT_ONCE = 50
"""So many at one look: other work must not wait for slow neighbours."""
_MINUTE = 60_000_000
_AGAIN = 5 * _MINUTE
"""After which a neighbour that did not answer is asked again."""
REVIEWED = ("submitted", "in_review")


def due() -> Select[Any]:
    """Applications that wait for a reviewer and of which nothing is known, or nothing new."""
    now = canonical.now()
    return (
        select(Application)
        .outerjoin(Assessment, Assessment.application_id == Application.id)
        .where(
            Application.state.in_(REVIEWED),
            Application.awaiting.is_(None),
            or_(
                Assessment.application_id.is_(None),
                Assessment.asked_at < Application.updated_at,
                Assessment.due_at <= now,
            ),
        )
        .order_by(Application.updated_at)
        .limit(AT_ONCE)
    )


def ask(platform: Platform, session: Session, application: Application) -> None:
    """Ask all neighbours about *application* and store what they say."""
    picture = None
    hours = platform.settings.assessment_hours * 60 * _MINUTE
    try:
        said, picture = _answers(platform, session, application)
    except NeighbourError as error:
        said, hours = {"unanswered": str(error)}, _AGAIN
    platform.ledger.write(store_answers, application.id, said, picture, hours).result()


def store_answers(
    tx: Transaction,
    identity: str,
    said: dict[str, Any],
    picture: SealedBlob | None,
    good_for: int,
) -> None:
    """Keep what was *said* of an application; ask again after *good_for* microseconds."""
    application = tx.session.get_one(Application, identity)
    row = tx.session.get(Assessment, identity)
    before = row.imprint_sm3 if row else None
    if row is None:
        row = Assessment(application_id=identity)
        tx.session.add(row)
    row.payload_sm3, row.said = application.payload_sm3, said
    row.imprint_sm3 = picture.address if picture else None
    row.asked_at, row.due_at = tx.now, tx.now + good_for
    if picture is not None:
        keep(tx.session, picture)
    if before and before != row.imprint_sm3:
        let_go(tx.session, before)


def _answers(
    platform: Platform, session: Session, application: Application
) -> tuple[dict[str, Any], SealedBlob | None]:
    neighbours, vault = platform.neighbours, platform.vault
    found = assessing.assess(issuing.SealMaking.of(platform), session, application)
    said: dict[str, Any] = {"findings": found.__dict__, "register": None, "police": None}
    handler = session.get_one(Person, application.handler_id)
    number = vault.open(f"person.id_no:{handler.id}", handler.id_no_enc or b"").decode()
    said["identity"] = neighbours.identity.matches(handler.name, number)
    if application.enterprise_id is None:
        return said, None
    code = session.get_one(Enterprise, application.enterprise_id).uscc
    entry = neighbours.market.enterprise(code)
    if entry is not None:
        said["register"] = {
            "name": entry.name,
            "legal_rep": entry.legal_rep,
            "status": entry.status,
            "licence_until": _time(entry.licence_until),
        }
    filed = assessing.known(session, neighbours, application).filed
    picture = None
    if filed is not None:
        said["police"] = _filed(filed)
        content = neighbours.police.imprint(filed.code)
        if gm.sm3(content).hex() == filed.imprint_sm3 and content.startswith(b"\x89PNG"):
            picture = platform.blobs.seal(content)
    return said, picture


def _filed(filed: FiledSeal) -> dict[str, Any]:
    names = ("code", "name", "status", "shape", "width_mm", "height_mm", "imprint_sm3")
    return {
        **{name: getattr(filed, name) for name in names},
        "valid_until": _time(filed.valid_until),
    }


def _time(moment: int | None) -> str | None:
    return canonical.timestamp(moment) if moment is not None else None


def assessed(session: Session, application: Application) -> applying.Findings | None:
    """The stored findings, if the neighbours have answered about what *application* says now."""
    row = session.get(Assessment, application.id)
    if row is None or row.payload_sm3 != application.payload_sm3 or "findings" not in row.said:
        return None
    return applying.Findings(**row.said["findings"])
