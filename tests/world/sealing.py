"""A small world in which documents are sealed: an authority, holders, and tools to attack."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyhanko.pdf_utils import generic

from crypto.algorithms.keys import SoftKey
from crypto.pdf.marks import drawing
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.reading.document import Document
from crypto.pdf.signing.sign import PROFILES, Revision, SignedRevision, property_info, sign_revision
from crypto.pdf.verify import verify_pdf
from crypto.pki.certificate import DOCUMENT_SIGNING, OCSP_SIGNING
from crypto.seal.date_mark import DateMark
from crypto.seal.making import make_signature
from crypto.seal.statement import SignedStatement
from crypto.validation.trust import Trust
from crypto.verdict import Report
from tests.world.authority import Authority, make_root
from tests.world.seals import imprint, seal_of, statement_on

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SIGNED_AT = NOW - timedelta(days=1)
MADE_AT = NOW - timedelta(days=60)


@dataclass
class Holder:
    """A company with a key and a seal."""

    key: SoftKey
    code: str
    picture: bytes
    size_mm: tuple[int, int]
    seal: bytes


@dataclass
class World:
    """Everything needed to seal, attack and verify documents in memory."""

    authority: Authority
    maker: SoftKey
    status: SoftKey
    trust: Trust
    first: Holder = field(init=False)
    second: Holder = field(init=False)

    def holder(
        self,
        code: str,
        picture: bytes,
        *,
        size_mm: tuple[int, int] = (40, 40),
        authority: Authority | None = None,
        maker: SoftKey | None = None,
    ) -> Holder:
        """A company whose certificate and seal were issued here, or by another *authority*."""
        key = (authority or self.authority).key_for(code, extended_key_usage=(DOCUMENT_SIGNING,))
        seal = seal_of(
            key.certificate,
            code,
            picture,
            MADE_AT,
            maker or self.maker,
            width_mm=size_mm[0],
            height_mm=size_mm[1],
        )
        return Holder(key, code, picture, size_mm, seal)

    def statement(self, holder: Holder, **changes: Any) -> SignedStatement:
        """What the platform says of this holder's seal: active, unless *changes* say otherwise."""
        values = {
            "issued_at": NOW - timedelta(minutes=5),
            "next_update": NOW + timedelta(hours=24),
            **changes,
        }
        return statement_on(holder.key.certificate, holder.code, NOW, self.status, **values)

    def trusting(self, *holders: Holder) -> Trust:
        """The usual trust plus a fresh statement for each of *holders*."""
        extra = tuple(self.statement(each) for each in holders)
        return replace(self.trust, statements=(*self.trust.statements, *extra))

    def sign(
        self,
        original: bytes,
        holder: Holder | None = None,
        marks: Sequence[Mark] | None = None,
        *,
        profile: str = "ses",
        password: str | None = None,
        seal: bytes | None = None,
        picture: bytes | None = None,
        reserve: int = 512,
        dates: Sequence[DateMark] = (),
        dated: datetime = SIGNED_AT,
    ) -> bytes:
        """The bytes of *original* plus one sealed revision."""
        return self.sign_details(
            original,
            holder,
            marks,
            profile=profile,
            password=password,
            seal=seal,
            picture=picture,
            reserve=reserve,
            dates=dates,
            dated=dated,
        )[0]

    def sign_details(
        self,
        original: bytes,
        holder: Holder | None = None,
        marks: Sequence[Mark] | None = None,
        *,
        profile: str = "ses",
        password: str | None = None,
        seal: bytes | None = None,
        picture: bytes | None = None,
        reserve: int = 512,
        dates: Sequence[DateMark] = (),
        dated: datetime = SIGNED_AT,
    ) -> tuple[bytes, SignedRevision]:
        """The same, with what was written. *dated*: the moment whose day the *dates* show."""
        holder = holder or self.first
        output = io.BytesIO()

        def make_value(revision: Revision) -> bytes:
            return make_signature(
                seal=seal or holder.seal,
                digest=revision.digest,
                property_info=property_info(revision.byte_range),
                signed_at=SIGNED_AT,
                key=holder.key,
            )

        done = sign_revision(
            Document(io.BytesIO(original), password),
            output,
            profile=PROFILES[profile],
            marks=self.marks(holder) if marks is None else marks,
            picture=picture or holder.picture,
            value_size=len(holder.seal) + len(holder.key.certificate) + reserve,
            make_value=make_value,
            dates=dates,
            signed_at=dated,
            signer_name=holder.code,
        )
        return output.getvalue(), done

    @staticmethod
    def marks(holder: Holder, page: int = 0, left: float = 100, top: float = 200) -> list[Mark]:
        """One mark of the holder's seal at its true size."""
        return [Mark(page, left, top, float(holder.size_mm[0]), float(holder.size_mm[1]))]

    def verify(
        self, data: bytes, *, trust: Trust | None = None, password: str | None = None
    ) -> Report:
        """The report of these bytes as of :data:`NOW`."""
        return verify_pdf(io.BytesIO(data), "文件.pdf", trust or self.trust, NOW, password=password)


def make_world() -> World:
    """A world with two holders in good standing."""
    authority = make_root("印章测试根")
    anchor = authority.certificate
    made = World(
        authority,
        authority.key_for("制章者", usage=("digitalSignature",)),
        authority.key_for("状态", usage=("digitalSignature",), extended_key_usage=(OCSP_SIGNING,)),
        Trust.in_all([anchor]),
    )
    made.first = made.holder("32130000000017", imprint())
    made.second = made.holder("32130000000025", imprint("darkred", text="2"), size_mm=(30, 30))
    made.trust = made.trusting(made.first, made.second)
    return made


def drawn(
    world: World, edit: Callable[[generic.StreamObject], None], data: bytes, **options: Any
) -> bytes:
    """*data* sealed, with an appearance that *edit* changed before it was signed."""
    original = drawing._appearance

    def changed(*arguments: Any) -> generic.StreamObject:
        form = original(*arguments)
        edit(form)
        return form

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "_appearance", changed)
        return world.sign(data, **options)


def content(old: bytes, new: bytes) -> Callable[[generic.StreamObject], None]:
    """For :func:`drawn`: other operators in the appearance."""

    def edit(form: generic.StreamObject) -> None:
        made = generic.StreamObject(stream_data=form.data.replace(old, new))
        form._data, form._encoded_data = made.data, None

    return edit


def codes(found: Any) -> set[str]:
    """The finding codes of a report or of one signature in it."""
    return {each.code for each in found.findings}
