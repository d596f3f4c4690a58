"""申请: a draft becomes a seal, at a person's pace.

    draft → key pair on the Ukey, request → sent, signed → reviewed, perhaps returned and sent
    again → made → collected: certificate onto the Ukey, seal into the cabinet

Every step is written down in the cabinet before and after it is taken, and looks at the platform
first where an answer may have been lost. So it can be repeated after a refusal, a crash or a
restart, and never makes a second application.

One module, because every step may have to begin where another was interrupted.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.errors import (
    ApplicationFieldWrong,
    ApplicationRejected,
    PlatformAnswerInvalid,
    PlatformRefused,
)
from app.remote import application_form as form
from app.remote.collecting import (
    check_delivery,
    keep_seal,
    pin_unlocker,
    platform_record,
    told_of_end,
)
from app.remote.platform_account import Application, PlatformClient
from app.signing import TokenKey
from app.store.applications import (
    COLLECTED,
    DONE,
    DRAFT,
    LETTER,
    OVER,
    ApplicationRecord,
)
from app.store.cabinet import Cabinet, SealRecord
from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_request
from crypto.pki.names_and_algorithms import Name
from crypto.report import cancel_request
from crypto.seal.application_form import CANCEL, PIN_RESET, REISSUE, RENEW
from device.token import Key, KeyNotFound, Session

KEY_LABEL = "SealDesk"
_POLL_S = 0.3


def now_utc() -> datetime:
    return datetime.now(UTC)


# --- the key -------------------------------------------------------------------------------------


def prepare(identity: str, session: Session | None, cabinet: Cabinet) -> ApplicationRecord:
    """Give the application a key pair on the token of *session* (logged in) and a request for it,
    if it has none; one that no other application needs is taken before a new one is made. None: it
    has a key of its own, apart from any token.

    Raises :class:`device.token.KeyNotFound` if its key is on another token."""
    record = cabinet.applications.get(identity)
    if record.key:
        _own_key(record, session)
        return record
    if record.private:
        return _with_key(record, SoftKey.load(record.private), cabinet)
    session = _needed(session)
    if record.kind in form.DONE and record.fields["proof"] != "licence":
        own = TokenKey(_holding(record, session, cabinet))  # the seal's own key asks
        return _with_key(record, own, cabinet)
    taken = {each.key for each in cabinet.applications.all() if each.key and each.open}
    free = (key for key in _bare_keys(session) if TokenKey(key).public_key.spki not in taken)
    return _with_key(
        record, TokenKey(next(free, None) or session.generate_key("sm2", KEY_LABEL)), cabinet
    )


def _spki(own: TokenKey | SoftKey) -> bytes:
    return own.spki if isinstance(own, SoftKey) else own.public_key.spki


def _needed(session: Session | None) -> Session:
    if session is None:
        raise KeyNotFound("the key of this application is on a token")
    return session


def _with_key(
    record: ApplicationRecord, own: TokenKey | SoftKey, cabinet: Cabinet
) -> ApplicationRecord:
    # the platform names the holder itself: what stands here is for whoever looks at the request
    typed = record.fields
    unit = [("O", typed["enterprise"]), ("CN", typed["uscc"])]
    subject = [("C", "CN"), *(unit if typed.get("uscc") else [("CN", typed["handler"])])]
    key = _spki(own)
    request = make_request(Name.build(subject), key, own.sign)
    return cabinet.applications.change(
        record.id, lambda known: replace(known, key=key, request=request)
    )


def _sm2_keys(session: Session) -> list[Key]:
    held = session.keys()
    return [key for key in held if key.algorithm == "sm2"]


def _bare_keys(session: Session) -> list[Key]:
    return [key for key in _sm2_keys(session) if not key.certificates]


def _held(record: ApplicationRecord, session: Session) -> Key:
    for key in _sm2_keys(session):
        if TokenKey(key).public_key.spki == record.key:
            return key
    raise KeyNotFound("the key of this application is not on the token")


def _holding(record: ApplicationRecord, session: Session, cabinet: Cabinet) -> Key:
    """The key of the present certificate of the seal that the application is about."""
    certificate = cabinet.seal(record.fields["code"]).certificate
    for key in _sm2_keys(session):
        if certificate in key.certificates:
            return key
    raise KeyNotFound("the key of this seal is not on the token")


def _own_key(record: ApplicationRecord, session: Session | None) -> TokenKey | SoftKey:
    if record.private:
        return SoftKey.load(record.private)
    return TokenKey(_held(record, _needed(session)))


def sign_as_representative(
    identity: str, session: Session, platform: PlatformClient, cabinet: Cabinet
) -> ApplicationRecord:
    """The legal representative signs with the Ukey of *session* (logged in), his own, that the
    handler may apply for this seal and keep it; for a person's own seal, that person. Only the
    platform can tell whose certificate it is.

    Raises :class:`app.errors.ApplicationFieldWrong` while the form is not right,
    :class:`device.token.KeyNotFound` if the token has no certificate to sign with, or several."""
    record = cabinet.applications.get(identity)
    signs = form.PERSON if record.fields["proof"] == form.PERSON else form.LEGAL_REP
    with_proof = replace(record, fields={**record.fields, "proof": signs})
    form.check(with_proof)
    if not record.key:
        raise ApplicationFieldWrong("proof", "key_first")
    held = [
        TokenKey(key, certificate)
        for key in _sm2_keys(session)
        for certificate in key.certificates
        if Certificate.parse(certificate).may_sign()
    ]
    if len(held) != 1:
        raise KeyNotFound("not one personal certificate on the token")
    (own,) = held
    return _with_proof(with_proof, own, platform, cabinet)


def _with_proof(
    record: ApplicationRecord, own: TokenKey, platform: PlatformClient, cabinet: Cabinet
) -> ApplicationRecord:
    verb, about, digest = form.proof_lines(record)
    at = now_utc().isoformat().replace("+00:00", "Z")
    text = platform.text_of_statement(verb, tuple(about.split(" ")), digest, at)
    signature = own.sign(text)
    return cabinet.applications.change(
        record.id,
        lambda known: replace(
            known,
            fields={**known.fields, "proof": record.fields["proof"]},
            proof_certificate=own.certificate,
            proof_signature=signature,
            proof_at=at,
        ),
    )


def for_seal(
    kind: str, seal: SealRecord, fields: Mapping[str, str], cabinet: Cabinet
) -> ApplicationRecord:
    """The draft of that *kind* about *seal*, with what was typed in its *fields*: the one that is
    under way, or a new one. One that was handed in is left as it is."""
    known = {"seal": seal.subtype, "code": seal.code, "proof": form.usable_proofs(kind, seal)[0]}
    if seal.enterprise:
        known |= {"enterprise": seal.enterprise, "uscc": seal.uscc}
    known |= {name: text for name, text in fields.items() if text}
    filled = {field.name: known.get(field.name, "") for field in form.asked(kind, seal.subtype)}
    for record in cabinet.applications.all():
        about = (record.kind, record.fields.get("code"), record.platform)
        if record.open and about == (kind, seal.code, seal.platform):
            if not record.editable:
                return record
            return cabinet.applications.change(record.id, lambda each: replace(each, fields=filled))
    return cabinet.applications.new(kind, filled, seal.platform)


# --- handing in ----------------------------------------------------------------------------------


def send(
    identity: str,
    session: Session | None,
    platform: PlatformClient,
    cabinet: Cabinet,
    clock: Callable[[], datetime] = now_utc,
) -> ApplicationRecord:
    """提交: hand in a draft, or a returned application as it was corrected; one that was handed in
    already is only looked at. Without a *session*: one that has a key of its own.

    Raises :class:`app.errors.ApplicationFieldWrong` before anything is sent,
    :class:`app.errors.PlatformError`, :class:`device.token.TokenError`; what was typed stays."""
    record = cabinet.applications.get(identity)
    if not record.open:
        raise ApplicationRejected(record.id, record.state, record.reason)
    if record.editable:
        form.check(record)
        if form.by_another(record):
            raise ApplicationFieldWrong("proof", "unsigned")
    letter = cabinet.applications.letter(record.id)
    if record.editable and record.fields["proof"] in (LETTER, form.REQUEST):
        found = form.letter_problem(letter)
        if found:
            raise ApplicationFieldWrong(record.fields["proof"], found)
    record = _ready(record, session, platform, cabinet)
    own = _own_key(record, session)
    there = _there(record, own, platform)
    if there is None or there.state in ("drafted", "returned"):
        there = _hand_in(record, there, own, letter, platform, cabinet)
    _told(record.id, there, platform, cabinet, clock)
    known = cabinet.platform(platform.origin)
    cabinet.pin(platform_record(platform, clock(), known.cursor if known else ""))
    return cabinet.applications.mark_told(record.id)


def _ready(
    record: ApplicationRecord, session: Session | None, platform: PlatformClient, cabinet: Cabinet
) -> ApplicationRecord:
    """With a key, and with the proof of the seal's present holder where that is the proof."""
    if not record.sent:
        origin = platform.origin
        record = cabinet.applications.change(
            record.id, lambda known: replace(known, platform=origin)
        )
    record = prepare(record.id, session, cabinet)
    held = record.fields["proof"] == form.HOLDER
    if record.editable and held and not form.proof_signed(record):
        certificate = cabinet.seal(record.fields["code"]).certificate
        own = TokenKey(_holding(record, _needed(session), cabinet), certificate)
        record = _with_proof(record, own, platform, cabinet)
    return record


def draft_request(
    identity: str, session: Session, platform: PlatformClient, cabinet: Cabinet
) -> bytes:
    """Place a cancellation with the platform, yet to be submitted, and get the request that the
    enterprise must seal, PDF: it is what this computer would write, byte for byte, for nobody reads
    it before it is sealed. Raises as :func:`send`."""
    record = cabinet.applications.get(identity)
    form.check(record)
    record = _ready(record, session, platform, cabinet)
    own = _own_key(record, session)
    there = _placed(record, _there(record, own, platform), own, platform, cabinet)
    written = platform.request_to_cancel(there.id)
    day = there.created_at.astimezone(UTC) if there.created_at else datetime.now(UTC)
    try:
        right = written == cancel_request.write(
            cabinet.applications.get(identity).body,
            application=there.id,
            seal_name=cabinet.seal(record.fields["code"]).name,
            origin=platform.origin,
            day=f"{day:%Y-%m-%d}",
        )
    except cancel_request.CannotBeSet:
        right = False
    if not right:
        raise PlatformAnswerInvalid(platform.origin, "request")
    return written


def cancel(
    identity: str,
    session: Session,
    platform: PlatformClient,
    cabinet: Cabinet,
    seal: Callable[[bytes], Path],
    clock: Callable[[], datetime] = now_utc,
) -> ApplicationRecord:
    """注销: place the application, have *seal* put the seal on the platform's request (PDF; gives
    the sealed file; signed in as the seal's holder meanwhile), and hand both in.

    Raises as :func:`send` and *seal*; the draft stays."""
    record = cabinet.applications.get(identity)
    if record.editable:
        written = draft_request(identity, session, platform, cabinet)
        certificate = cabinet.seal(record.fields["code"]).certificate
        platform.sign_in(TokenKey(_holding(record, session, cabinet), certificate))
        sealed = seal(written)
        cabinet.applications.keep_letter(record.id, sealed.name, sealed.read_bytes())
    return send(record.id, session, platform, cabinet, clock)


def _there(
    record: ApplicationRecord, own: TokenKey | SoftKey, platform: PlatformClient
) -> Application | None:
    """The application as the platform has it; None if it has none. Signed in for it then."""
    if record.server_id:
        platform.sign_in_as_applicant(record.server_id, own)
        return platform.application(record.server_id)
    if not record.body:
        return None
    try:  # the answer to what was sent may have been lost
        found = platform.application(platform.sign_in_with_key(own, _spki(own)))
    except PlatformRefused as error:
        if error.problem != "not_found":
            raise
        return None
    return found if found.state not in OVER else None


def _hand_in(
    record: ApplicationRecord,
    there: Application | None,
    own: TokenKey | SoftKey,
    letter: bytes,
    platform: PlatformClient,
    cabinet: Cabinet,
) -> Application:
    there = _placed(record, there, own, platform, cabinet)
    proof = record.fields["proof"]
    if proof in (LETTER, form.REQUEST):
        there = platform.put_material(there, proof, letter, form.media_type(letter) or "")
    return platform.submit(there, own)


def _placed(
    record: ApplicationRecord,
    there: Application | None,
    own: TokenKey | SoftKey,
    platform: PlatformClient,
    cabinet: Cabinet,
) -> Application:
    """As a draft on the platform, signed in for it."""
    body = form.body(record)
    if body != record.body:
        key = secrets.token_hex(16)
        record = cabinet.applications.change(
            record.id, lambda known: replace(known, body=body, request_key=key)
        )
    if there is None:
        there = platform.apply(body, record.request_key)
        _noted(record.id, there, cabinet)
        platform.sign_in_as_applicant(there.id, own)
    elif there.payload_sm3 != record.body_sm3:
        there = platform.amend(there.id, body)
    return there


def _noted(identity: str, there: Application, cabinet: Cabinet) -> None:
    cabinet.applications.change(
        identity, lambda known: replace(known, server_id=there.id, state=there.state)
    )


def _told(
    identity: str,
    there: Application,
    platform: PlatformClient,
    cabinet: Cabinet,
    clock: Callable[[], datetime],
) -> ApplicationRecord:
    """Keep what the platform says of an application."""
    now, days = clock(), platform.service().review_days
    reasons = {form.field_of(path) or path: text for path, text in there.reasons.items()}

    def change(known: ApplicationRecord) -> ApplicationRecord:
        if known.state in (COLLECTED, DONE):
            return known
        new = known.state != there.state
        state = DONE if there.state == "fulfilled" and known.kind in form.DONE else there.state
        if known.kind == PIN_RESET and state == "fulfilled" and there.next != "unlock":
            state = "lapsed"  # its day is over
        handed_in = there.state == "submitted" and (new or known.submitted_at is None)
        submitted = now if handed_in else known.submitted_at
        return replace(
            known,
            server_id=there.id,
            state=state,
            next=there.next,
            reason=there.reason,
            reasons=reasons,
            seal_id=there.seal_id,
            private=b"" if state in OVER else known.private,
            submitted_at=submitted,
            look_at=submitted + timedelta(days=days) if submitted and days else None,
        )

    before = cabinet.applications.get(identity)
    if change(before) == before:
        return before
    after = cabinet.applications.change(identity, change)
    if after.state == DONE and after.kind == CANCEL:
        told_of_end(after.fields["code"], platform, cabinet, now)
    return after


# --- following -----------------------------------------------------------------------------------


def follow(
    identity: str,
    session: Session | None,
    platform: PlatformClient,
    cabinet: Cabinet,
    clock: Callable[[], datetime] = now_utc,
) -> ApplicationRecord:
    """Ask the platform how far it is. What was never sent is returned as it is. Without a
    *session*: one that has a key of its own."""
    record = cabinet.applications.get(identity)
    if not (record.open and record.sent and record.key):
        return record
    there = _there(record, _own_key(record, session), platform)
    return record if there is None else _told(record.id, there, platform, cabinet, clock)


def follow_all(
    session: Session,
    platform: PlatformClient,
    cabinet: Cabinet,
    clock: Callable[[], datetime] = now_utc,
) -> None:
    """Ask for all applications of the keys on the token of *session* (logged in), and take those
    that were handed in at another computer into the cabinet."""
    waiting = {each.key for each in cabinet.applications.all() if each.open and each.sent}
    for key in _sm2_keys(session):
        own = TokenKey(key)
        spki = own.public_key.spki
        if key.certificates and spki not in waiting:
            continue
        try:
            platform.sign_in_with_key(own, spki)
        except PlatformRefused as error:
            if error.problem != "not_found":
                raise
            continue
        for there in platform.applications():
            record = _known(there, own, platform, cabinet)
            if record is None:
                if there.state in OVER or key.certificates:
                    continue  # over before this computer knew of it
                record = _from_elsewhere(there, own, platform, cabinet)
            if record.open:
                _told(record.id, there, platform, cabinet, clock)
    for record in cabinet.applications.all():
        if record.private and record.platform == platform.origin:
            follow(record.id, None, platform, cabinet, clock)


def untold(platform: PlatformClient, cabinet: Cabinet) -> tuple[ApplicationRecord, ...]:
    """The applications whose state the person has not been told of; those whose seal is in the
    cabinet by now, collected at another computer or before a crash, are over."""
    collected = {seal.id for seal in cabinet.seals()}
    own = [e for e in cabinet.applications.all() if e.platform == platform.origin]
    for record in own:
        if record.open and record.seal_id in collected:
            _over(record, cabinet)
    return tuple(
        each
        for each in cabinet.applications.all()
        if each.platform == platform.origin and each.told != each.state and each.state != DRAFT
    )


def _known(
    there: Application, own: TokenKey, platform: PlatformClient, cabinet: Cabinet
) -> ApplicationRecord | None:
    every = [each for each in cabinet.applications.all() if each.platform == platform.origin]
    found = next((each for each in every if each.server_id == there.id), None)
    spki = own.public_key.spki
    return found or next(
        (each for each in every if not each.server_id and each.body and each.key == spki), None
    )


def _from_elsewhere(
    there: Application, own: TokenKey, platform: PlatformClient, cabinet: Cabinet
) -> ApplicationRecord:
    platform.sign_in_as_applicant(there.id, own)
    sent = platform.application_form(there)
    try:
        kind, fields, request = form.read(sent)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PlatformAnswerInvalid(platform.origin, "form") from error
    record = cabinet.applications.new(kind, fields, platform=platform.origin)
    return cabinet.applications.keep(
        replace(
            record,
            key=own.public_key.spki,
            request=request,
            body=sent,
            server_id=there.id,
            created_at=there.created_at or record.created_at,
        )
    )


def withdraw(
    identity: str,
    session: Session | None,
    platform: PlatformClient,
    cabinet: Cabinet,
    clock: Callable[[], datetime] = now_utc,
) -> ApplicationRecord:
    """撤回: nothing more comes of it. A draft that was never sent is just removed by
    :meth:`app.store.applications.Applications.forget`. Raises
    :class:`app.errors.ApplicationRejected` for one that is over or was never sent."""
    record = cabinet.applications.get(identity)
    there = None
    if record.open and record.sent and record.key:
        there = _there(record, _own_key(record, session), platform)
    if there is None:
        raise ApplicationRejected(record.id, record.state, record.reason)
    return _told(record.id, platform.withdraw(there.id), platform, cabinet, clock)


# --- collecting ----------------------------------------------------------------------------------


def wait(
    identity: str,
    session: Session | None,
    platform: PlatformClient,
    cabinet: Cabinet,
    wait_s: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], datetime] = now_utc,
) -> ApplicationRecord:
    """Follow an application until its seal is made or somebody has to act, *wait_s* at most;
    *session* as for :func:`follow`."""
    deadline = time.monotonic() + wait_s
    record = follow(identity, session, platform, cabinet, clock)
    while record.state in ("submitted", "in_review", "approved") and time.monotonic() < deadline:
        sleep(_POLL_S)
        there = platform.application(record.server_id)  # signed in already
        record = _told(record.id, there, platform, cabinet, clock)
    return record


def collect(
    identity: str,
    session: Session,
    platform: PlatformClient,
    cabinet: Cabinet,
    clock: Callable[[], datetime] = now_utc,
) -> SealRecord:
    """领取: check the seal that was made, put its certificate onto the token, prove the key, and
    keep the seal. Safe to repeat.

    Raises :class:`app.errors.ApplicationRejected` if there is nothing to collect,
    :class:`app.errors.PlatformError`, :class:`device.token.TokenError`."""
    record = follow(identity, session, platform, cabinet, clock)
    if record.state != "fulfilled" or record.private:
        raise rejected(record)
    own = TokenKey(_held(record, session))
    found = platform.seal(record.seal_id)
    if record.kind == RENEW and found.waiting is not None:
        found = found.waiting
    data = platform.seal_data(found)
    check_delivery(found, data, own, platform, clock())
    token_key = _held(record, session)
    session.store_certificate(found.certificate, KEY_LABEL, token_key.key_id)
    session.write_data(f"seal-{found.code}", data)
    pin_unlocker(session, platform)
    collected = found
    if found.uncollected:  # else the platform's answer was lost the last time
        collected = platform.collect(found, TokenKey(token_key, found.certificate))
    seal = keep_seal(collected, data, platform, cabinet, clock())
    if record.kind == REISSUE:
        told_of_end(record.fields["code"], platform, cabinet, clock())
    _over(record, cabinet)
    return seal


def _over(record: ApplicationRecord, cabinet: Cabinet) -> None:
    """It has come to a seal: nobody needs its citizen number and its documents any more."""
    cabinet.applications.keep_letter(record.id, record.letter_name, b"")
    cabinet.applications.change(
        record.id,
        lambda known: replace(
            known,
            state=COLLECTED,
            told=COLLECTED,
            next="",
            body=b"",
            fields={k: v for k, v in known.fields.items() if k not in form.PERSONAL},
        ),
    )


def rejected(record: ApplicationRecord) -> ApplicationRejected:
    """Why there is no seal (yet)."""
    state = record.state
    if state in ("submitted", "in_review", "approved"):
        state = "awaiting_licence" if record.next == "consent" else "pending"
    return ApplicationRejected(record.id, state, record.reason)
