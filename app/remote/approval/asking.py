"""用印申请: a request bound to one document, with pictures of its pages for the approvers alone.
Stamping waits here for what they say.

    ask(...)      make a request, or find the one that is open for this document already
    Approvals     what stamping asks for: the approved request for a document, if one is needed

It is one module, though long: asking and waiting are about the same record.
"""

from __future__ import annotations

import contextlib
import io
import math
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image

from app.errors import (
    ApprovalNeeded,
    FileNotReadable,
    FileProblem,
    PlatformRefused,
    UseRequestWrong,
)
from app.placing.finder import Finder
from app.remote.approval.client import (
    ApprovalClient,
    AskableApprover,
    PlatformPolicy,
    PlatformRequest,
    WrappedKey,
)
from app.remote.approval.intended_use import IntendedUse
from app.remote.approval.setting import keep_policy
from app.store.cabinet import Cabinet, SealRecord
from app.store.lending import use_of
from app.store.use_requests import OPEN, UseRequestRecord
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.seal import preview
from crypto.seal.page_key import wrap_for as wrap_for_phone
from crypto.seal.phone import PhoneError, checked_binding
from crypto.seal.purpose_text import PurposeTextError, can_stand, is_blank, write_time
from crypto.seal.use_approval import MAX_COPIES, SALTED, SignedRequest, UseRequest
from crypto.seal.use_policy import UsePolicy, masked

DPI = 110.0
_QUALITIES = (80, 60, 40)
_LONGEST = 16_383
"""Pixels of a side, in WebP."""
LIFE = timedelta(days=3)
"""How long a request is open, unless it is said otherwise."""
POLL = 2.0
"""Seconds between two looks at a request that is waited for."""


@frozen
class UseWish:
    """For what a seal is wanted, besides the document."""

    purpose: str = ""
    counterparty: str = ""
    amount: str = ""
    """In words."""
    copies: int = 1
    """Signatures that may be made with it."""
    life: timedelta = LIFE


# --- the document --------------------------------------------------------------------------------


@frozen
class Pictured:
    """A document as approvers get to see it."""

    name: str
    sm3: str
    size: int
    pages: int
    pictures: tuple[bytes, ...]
    """WebP; of a longer document the first ones."""


def pictured(source: Path, password: str | None, finder: Finder, pages: int) -> Pictured:
    """Draw *source*, which has that many *pages*. Raises :class:`app.errors.FileError`,
    :class:`crypto.pdf.reading.failures.PdfError`."""
    data = _read(source)
    drawn: list[bytes] = []
    left = preview.MAX_ALL_PIXELS
    for number in range(min(pages, preview.MAX_PICTURES)):
        picture, pixels = _webp(finder.picture(source, number, DPI, password))
        left -= pixels
        if left < 0:
            break
        drawn.append(picture)
    if _read(source) != data:
        raise FileNotReadable(str(source), FileProblem.OTHER)  # it changed meanwhile
    return Pictured(source.name, sm3(data).hex(), len(data), pages, tuple(drawn))


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise FileNotReadable(str(source), FileProblem.of(error)) from error


def _webp(png: bytes) -> tuple[bytes, int]:
    """A picture of at most :data:`crypto.seal.preview.MAX_PAGE` bytes, and its pixels, which are
    at most :data:`crypto.seal.preview.MAX_PIXELS`."""
    with Image.open(io.BytesIO(png)) as opened:
        image = opened.convert("RGB")
    smaller = math.sqrt(preview.MAX_PIXELS / (image.width * image.height))
    smaller = min(smaller, _LONGEST / max(image.size))
    if smaller < 1:
        size = [max(1, int(side * smaller)) for side in image.size]
        image = image.resize((size[0], size[1]))
    while True:
        for quality in _QUALITIES:
            written = io.BytesIO()
            image.save(written, "WEBP", quality=quality)
            if written.tell() <= preview.MAX_PAGE:
                return written.getvalue(), image.width * image.height
        image = image.resize((max(1, image.width // 2), max(1, image.height // 2)))


# --- asking --------------------------------------------------------------------------------------


def ask(
    platform: ApprovalClient,
    cabinet: Cabinet,
    seal: SealRecord,
    document: Pictured,
    wish: UseWish,
    key: SigningKey,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> UseRequestRecord:
    """Ask for a use of *seal* on *document*, signed in already with *key*.

    Raises :class:`app.errors.UseRequestWrong`, :class:`app.errors.ApprovalNeeded` where nobody is
    asked about this seal, :class:`app.errors.PlatformError`."""
    told = platform.use_policy(seal.id)
    kept = keep_policy(platform, cabinet, seal, told, clock())
    policy = kept.policy
    if policy is None or not kept.needs_approval:
        raise UseRequestWrong("none_needed")
    facts = preview.Facts(_writable(document.name), secrets.token_bytes(16))
    made_by = told.you or policy.holder
    if seal.grant is not None and not wish.counterparty:  # the ticket names it: it is approved, too
        lent = next((grant for grant in cabinet.grants() if grant.seal_id == seal.id), None)
        wish = replace(wish, counterparty=use_of(seal, lent)[1])
    request = _request(platform.origin, seal, policy, document, facts, wish, made_by, clock())
    signed = SignedRequest.make(request, key)
    page_key = preview.new_key()
    keys = _wrapped(told, page_key, request, clock(), skip=())
    pages = len(document.pictures) + 1
    made = platform.ask_for_use(seal.id, signed, pages, keys)
    record = replace(
        record_of(made, "mine", platform.origin, key.certificate),
        key=page_key,
        wrapped_for=" ".join(each.key_id for each in keys),
        seen=made.state,
    )
    cabinet.keep_use_request(record)
    for number, content in enumerate((facts.encode(), *document.pictures)):
        data = preview.encrypt_page(page_key, request.sha256, number, content)
        platform.put_page(request.request, number, data)
    return record


def _writable(name: str) -> str:
    """*name* as it can be signed and shown: signs that cannot be seen become a line."""
    written = "".join(character if can_stand(character) else "_" for character in name[:255])
    return "_" if is_blank(written) else written


def _request(
    origin: str,
    seal: SealRecord,
    policy: UsePolicy,
    document: Pictured,
    facts: preview.Facts,
    wish: UseWish,
    requester: str,
    now: datetime,
) -> UseRequest:
    own = seal.signer
    name = facts.document_name
    hidden = policy.masked or name.startswith(SALTED)
    texts = (wish.purpose, wish.counterparty, wish.amount)
    if not all(can_stand(text) for text in texts):
        raise UseRequestWrong("text")
    if not 1 <= wish.copies <= MAX_COPIES:
        raise UseRequestWrong("copies")
    try:
        request = UseRequest(
            origin=origin,
            request=f"request_{secrets.token_hex(12)}",
            enterprise=policy.holder,
            seal=seal.code,
            seal_name=seal.name,
            requester=masked(requester) if policy.masked else requester,
            requester_cert=sm3(own.der).hex(),
            grant=seal.grant.terms_sm3 if seal.grant else "",
            policy=policy.sm3,
            document_sm3=document.sm3,
            document_size=str(document.size),
            document_name=facts.salted() if hidden else name,
            pages=str(document.pages),
            copies=str(wish.copies),
            counterparty=wish.counterparty,
            amount=wish.amount,
            purpose=wish.purpose,
            preview_sha256=preview.digest_of(document.pictures),
            created=write_time(now),
            until=write_time(now + wish.life),
            nonce=secrets.token_hex(16),
        )
        request.encode()
    except PurposeTextError as error:
        raise UseRequestWrong("text") from error
    return request


def _wrapped(
    told: PlatformPolicy,
    page_key: bytes,
    request: UseRequest,
    now: datetime,
    skip: Sequence[str],
) -> list[WrappedKey]:
    """The pages' key for every key of every approver who can decide, but the requester."""
    found = []
    for approver in told.approvers:
        if sm3(approver.certificate.der).hex() == request.requester_cert or not approver.can_decide:
            continue
        found += _of_approver(approver, page_key, request, now)
    return [key for key in found if key.key_id not in skip]


def _of_approver(
    approver: AskableApprover, page_key: bytes, request: UseRequest, now: datetime
) -> list[WrappedKey]:
    serial = f"{approver.certificate.serial:x}"
    found = [
        WrappedKey(serial, "sm2", key.key_id, preview.wrap(key.public, page_key))
        for key in approver.keys
    ]
    for phone in approver.phones:
        with contextlib.suppress(PhoneError):
            binding = checked_binding(phone.binding, approver.certificate, phone.signature)
            if (
                binding.origin != request.origin
                or not binding.holds(now)
                or not binding.is_for(request.seal)
            ):
                continue  # it could not approve: it need not see
            public = bytes.fromhex(binding.key_ecdh)
            wrapped = wrap_for_phone(public, page_key, bytes.fromhex(request.sha256))
            found.append(WrappedKey(serial, "ecdh-p256", sm3(public).hex(), wrapped))
    return found


def wrap_for_new_keys(
    platform: ApprovalClient,
    cabinet: Cabinet,
    record: UseRequestRecord,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> UseRequestRecord:
    """Give the pages' key to approvers whose keys were not known when *record* was made."""
    if record.side != "mine" or not record.key or record.state != "pending":
        return record
    told = platform.use_policy(record.seal_id)
    if told.signed is None or told.signed.policy.sm3 != record.request.policy:
        return record
    keys = _wrapped(told, record.key, record.request, clock(), record.wrapped_for.split())
    if not keys:
        return record
    platform.wrap_for(record.id, keys)
    more = " ".join([*record.wrapped_for.split(), *(key.key_id for key in keys)])
    record = replace(record, wrapped_for=more)
    cabinet.keep_use_request(record)
    return record


def withdraw(
    platform: ApprovalClient,
    cabinet: Cabinet,
    record: UseRequestRecord,
    key: SigningKey,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> UseRequestRecord:
    """撤回. One that is over is told as it is. Raises :class:`app.errors.PlatformError`."""
    platform.sign_in(key)
    try:
        made = platform.withdraw_use(record.id, record.request.sha256, key, clock())
    except PlatformRefused as error:
        if error.problem != "illegal_transition":
            raise
        made = platform.use_request(record.id)
    kept = replace(told_anew(record, made), seen=made.state)
    cabinet.keep_use_request(kept)
    return kept


def record_of(
    made: PlatformRequest, side: str, origin: str, certificate: bytes
) -> UseRequestRecord:
    """What the cabinet keeps of a request."""
    return UseRequestRecord(
        id=made.id,
        side=side,
        platform=origin,
        token=made.signed.token,
        policy_token=made.policy.token,
        seal_id=made.seal_id,
        state=made.state,
        reason=made.reason,
        requester=_requester(made),
        used=made.used,
        pages=made.pages,
        evidence_size=made.evidence_size,
        created_at=made.created_at,
        changed_at=made.changed_at,
        answers_json=made.answers,
        wrapped=dict(made.wrapped),
        certificate=certificate,
    )


def _requester(made: PlatformRequest) -> str:
    """Who asks, as signed; where the policy hides names, as the platform says, if that is what is
    hidden: an approver must not be shown another name than the one that he approves."""
    signed = made.signed.request.requester
    return made.requester if masked(made.requester) == signed else signed


def told_anew(before: UseRequestRecord, made: PlatformRequest) -> UseRequestRecord:
    """*before*, updated by the platform's answer; what only this computer knows stays."""
    told = record_of(made, before.side, before.platform, before.certificate)
    return replace(told, key=before.key, wrapped_for=before.wrapped_for, seen=before.seen)


# --- waiting -------------------------------------------------------------------------------------


@frozen
class ApprovedUse:
    """A request that allows a use now."""

    request: str
    room: int
    """Bytes to reserve for its approvals in the signature."""


@dataclass
class Approvals:
    """What stamping asks, signed in with the key that stamps."""

    platform: ApprovalClient
    cabinet: Cabinet
    finder: Finder
    patience: float = 0.0
    """Seconds to wait for an answer; 0: nobody is asked and nothing is waited for."""
    wish: UseWish = field(default_factory=UseWish)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    tell: Callable[[UseRequestRecord], None] = lambda _: None
    """Told of a request that is waited for, and of each change of it."""
    lock: contextlib.AbstractContextManager[object] = field(default_factory=threading.RLock)
    """Held while the platform is asked, where several documents are stamped at once."""

    def approved(self, use: IntendedUse, waiting: Callable[[], None]) -> ApprovedUse | None:
        """The request that allows *use*; None if nobody has to approve. *waiting* is called again
        and again while it is waited for, and may raise.

        Raises :class:`app.errors.ApprovalNeeded`, :class:`app.errors.PlatformError`."""
        found = self._asked(use, waiting)
        if found is None:
            return None
        found = self._waited(use.seal, found, waiting)
        return ApprovedUse(found.id, found.evidence_size * 4 // 3 + 512)

    def ask_ahead(self, use: IntendedUse) -> None:
        """Send the request that :meth:`approved` will wait for, if one is needed and none is open.

        Raises :class:`app.errors.ApprovalNeeded`, :class:`app.errors.PlatformError`."""
        asked = self._asked(use, lambda: None)
        if asked is not None:
            self.tell(asked)

    def needed_for(self, seal: SealRecord) -> bool:
        """Must somebody approve the uses of *seal*, as far as is known here, and is it waited
        for?"""
        rule = self.cabinet.policy(seal.id)
        return bool(self.patience) and rule is not None and rule.needs_approval

    def _asked(self, use: IntendedUse, waiting: Callable[[], None]) -> UseRequestRecord | None:
        """The request for *use*, made if there is none; None: nobody has to approve."""
        seal = use.seal
        with self.lock:
            told = self.platform.use_policy(seal.id)
            policy = keep_policy(self.platform, self.cabinet, seal, told, self.clock()).policy
            if policy is None or not policy.needed:
                return None
            found = self._open_for(use, policy)
        if found is not None:
            return found
        if not self.patience:
            raise ApprovalNeeded(seal.name, "ask", whom(policy, seal.signer.der))
        waiting()
        shown = pictured(use.document, use.password, self.finder, use.pages)
        copies = max(self.wish.copies, use.signatures)
        party = use.counterparty or self.wish.counterparty
        wish = replace(self.wish, copies=copies, counterparty=party)
        with self.lock:
            return ask(self.platform, self.cabinet, seal, shown, wish, use.key, self.clock)

    def _open_for(self, use: IntendedUse, policy: UsePolicy) -> UseRequestRecord | None:
        """The best request for that document and party: approved, or else still open."""
        digest = sm3(_read(use.document)).hex()
        mine = self.platform.use_requests().mine
        kept = {each.id: each for each in self.cabinet.use_requests() if each.side == "mine"}
        now, found = self.clock(), []
        for made in mine:
            record = record_of(made, "mine", self.platform.origin, use.key.certificate)
            if made.id in kept:
                record = told_anew(kept[made.id], made)
            request = record.request
            fits = (
                request.seal == use.seal.code
                and request.document_sm3 == digest
                and request.policy == policy.sm3
                and record.state_at(now) in OPEN
                and record.left >= use.signatures
                and use.counterparty in ("", request.counterparty)
            )
            if fits:
                found.append(record)
        return min(found, key=lambda each: each.state != "approved", default=None)

    def _waited(
        self, seal: SealRecord, record: UseRequestRecord, waiting: Callable[[], None]
    ) -> UseRequestRecord:
        until = time.monotonic() + self.patience
        while True:
            waiting()
            with self.lock:
                record = told_anew(record, self.platform.use_request(record.id))
                record = replace(record, seen=record.state)
                self.cabinet.keep_use_request(record)
                record = wrap_for_new_keys(self.platform, self.cabinet, record, self.clock)
            self.tell(record)
            state = record.state_at(self.clock())
            if state == "approved":
                return record
            who = whom(record.policy, record.certificate)
            if state != "pending":
                said = next((a for a in record.answers if a.decision == "reject"), None)
                raise ApprovalNeeded(seal.name, state, said.name if said else who)
            if time.monotonic() >= until:
                raise ApprovalNeeded(seal.name, "pending", who)
            pause(POLL)


def pause(seconds: float) -> None:
    """Between two looks."""
    time.sleep(seconds)


def whom(policy: UsePolicy, requester: bytes) -> str:
    """Who is asked, in words: names and roles."""
    own = sm3(requester).hex()
    return "、".join(
        f"{each.name}（{each.role}）" for each in policy.approvers if each.certificate_sm3 != own
    )
