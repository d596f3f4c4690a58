"""The neighbours a city's platform needs, as Protocols, and a simulated city that implements them
all.

The texts of the police's, the register's and the national platform's interfaces were not
obtainable: these Protocols are our own and claim no conformance. A real adapter replaces one
attribute of :class:`Neighbours` at a time; docs/platform.md says what each is asked for and why.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from crypto.frozen import frozen
from crypto.pki import unit_codes
from crypto.pki.certificate_making import make_certificate
from crypto.pki.names_and_algorithms import Name
from crypto.seal.kinds import KINDS, OFFICE
from server_stub.neighbours import engraving, imprint, regions
from server_stub.records import canonical
from server_stub.records.identity import same_name
from server_stub.records.vault import write_private


class NeighbourError(Exception):
    """A neighbour did not answer, or refused."""


class ConsentRefused(NeighbourError):
    """The legal representative said no; the message says why, in Chinese."""


def identity_digest(id_no: str) -> str:
    """How a person is named between the platform and its neighbours: SM3, hex, of the identity
    number. Numbers can be guessed, so it is kept as carefully as they are."""
    return gm.sm3(f"SUQIAN-IDENTITY-V1\n{id_no}\n".encode()).hex()


@frozen
class RegisteredEnterprise:
    """What the market regulator shares of an enterprise (第十二条: not asked for again)."""

    uscc: str
    name: str
    legal_rep: str
    legal_rep_sm3: str
    """:func:`identity_digest` of the representative; "" where the register does not know it."""
    status: str
    """active, revoked (吊销) or deregistered (注销)."""
    licence_until: int | None
    """Microseconds; None = 长期."""


@frozen
class FiledSeal:
    """A physical seal as filed with the police; names after docs/design/platform.md §2.2."""

    code: str
    """印章编码, 13 digits."""
    uscc: str
    subtype: str
    name: str
    """印章名称: what the seal data must say."""
    shape: str
    width_mm: int
    height_mm: int
    status: str
    """filed, delivered, lost (挂失), cancelled (缴销)."""
    valid_until: int | None
    imprint_sm3: str
    """Hex, over the file that :meth:`Police.imprint` gives."""
    unit: str = ""
    """The department or branch whose it is."""


@frozen
class ConsentRequest:
    """What a legal representative is asked on the electronic licence."""

    uscc: str
    handler: str
    """Name, for the representative to read."""
    handler_sm3: str
    """:func:`identity_digest` of the handler."""
    purpose: str

    def text(self, hour: str) -> str:
        """What the licence service signs, given in that *hour* (RFC 3339)."""
        parts = (self.uscc, self.handler_sm3, self.purpose, hour)
        return "SUQIAN-SEAL-LICENCE-V1\n" + "".join(f"{part}\n" for part in parts)


@frozen
class SignedConsent:
    """A consent, signed with SM2 by the licence service."""

    text: str
    signature: bytes

    def given_at(self, request: ConsentRequest) -> int:
        """When it was given, microseconds. Raises ValueError if it answers another request."""
        hour = self.text.rstrip("\n").rpartition("\n")[2]
        if self.text != request.text(hour):
            raise ValueError("a consent to something else")
        return canonical.parse_timestamp(hour)


class MarketRegulator(Protocol):
    def enterprise(self, code: str) -> RegisteredEnterprise | None:
        """The register's entry of a credit code."""

    @property
    def market_key(self) -> bytes:
        """What its notices are verified with, X‖Y."""


class ELicence(Protocol):
    def valid_until(self, code: str) -> int | None:
        """Until when the enterprise's e-licence holds; None = no end (第十七条)."""

    @property
    def public_key(self) -> bytes:
        """What consents are verified with, X‖Y."""

    def consent(self, request: ConsentRequest) -> SignedConsent | None:
        """The legal representative's consent; None while there is no answer. Raises
        :class:`ConsentRefused`, :class:`NeighbourError`."""


class Identity(Protocol):
    def matches(self, name: str, id_no: str) -> bool:
        """Is there a person of that name and citizen number?"""

    def certified_as(self, certificate: bytes) -> str | None:
        """The :func:`identity_digest` of the person for whom the personal *certificate* (DER) was
        issued, if it is in force; None for any other."""


class Police(Protocol):
    def filed_seal(self, code: str, subtype: str, whose: str = "") -> FiledSeal | None:
        """The filed seal of that kind of the enterprise with credit code *code*, the newest that is
        not cancelled, else the newest. *whose*: the department or branch, or the person, of whose
        seals an enterprise may have several."""

    def imprint(self, seal_code: str) -> bytes:
        """The filed imprint, PNG (第八条、第十三条). Raises :class:`NeighbourError`."""

    def cut_personal(self, name: str, shape: str) -> bytes:
        """The imprint of a person's own seal, PNG, which is filed nowhere. Raises
        :class:`NeighbourError`."""

    def file(self, report: bytes) -> str:
        """Take a report about an electronic seal (第十五条); gives the receipt number."""

    @property
    def police_key(self) -> bytes:
        """What their notices are verified with, X‖Y."""


class NationalPlatform(Protocol):
    def assign_code(self, region: str) -> str:
        """A fresh 14-digit seal code: 6 digits of region, 8 of its own (印章赋码)."""


@frozen
class Neighbours:
    """Who is asked for what."""

    market: MarketRegulator
    licences: ELicence
    identity: Identity
    police: Police
    national: NationalPlatform

    @classmethod
    def simulated(cls, city: SimulatedCity) -> Neighbours:
        return cls(city, city, city, city, city)


class SimulatedCity:
    """All neighbours in one file below *directory*: registers enterprises, keeps filed seals with
    their imprints, numbers seals, answers receipts. Every answer is stable across restarts."""

    def __init__(self, directory: Path, font: Path | None = None, dpi: int = 600) -> None:
        self._directory, self._font, self._dpi = directory, font, dpi
        self._lock = threading.Lock()

    def register(
        self,
        code: str,
        name: str,
        legal_rep: str,
        licence_until: int | None = None,
        subtypes: Sequence[str] = imprint.ENTERPRISE,
        *,
        legal_rep_id: str = "",
        trusts: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Take an enterprise into the register and file its physical seals, one of each of
        *subtypes*; an enterprise that is known already stays as it is, its people too.

        *legal_rep_id*: the representative's citizen number. *trusts*: (name, number) of those for
        whom the representative consents on the electronic licence, besides himself. All of them
        become known to the identity service."""
        unit_codes.check_credit_code(code)
        with self._lock:
            book = self._read()
            if code in book["enterprises"]:
                return
            known = [(legal_rep, legal_rep_id)] if legal_rep_id else []
            known += trusts
            for each, number in known:
                book["persons"].setdefault(identity_digest(number), each)
            digest = identity_digest(legal_rep_id) if legal_rep_id else ""
            entry = RegisteredEnterprise(code, name, legal_rep, digest, "active", licence_until)
            book["enterprises"][code] = asdict(entry)
            book["trusted"][code] = [identity_digest(number) for _, number in known]
            for subtype in subtypes:
                _file(book, code, subtype)
            self._write(book)

    def file_seal(self, code: str, subtype: str, whose: str = "") -> str:
        """Another physical seal of a known enterprise; *whose* as in :meth:`Police.filed_seal`.
        Gives its code."""
        with self._lock:
            book = self._read()
            seal = _file(book, code, subtype, whose)
            self._write(book)
            return seal

    def change(self, code: str, **fields: object) -> None:
        """Something happens to an enterprise, e.g. ``status="revoked"``."""
        with self._lock:
            book = self._read()
            book["enterprises"][code].update(fields)
            self._write(book)

    def change_seal(self, seal_code: str, **fields: object) -> None:
        """Something happens to a filed seal, e.g. ``status="lost"``."""
        with self._lock:
            book = self._read()
            book["seals"][seal_code].update(fields)
            self._write(book)

    def take_in_person(self, name: str, id_no: str) -> None:
        """Make somebody known to the identity service."""
        with self._lock:
            book = self._read()
            book["persons"].setdefault(identity_digest(id_no), name)
            self._write(book)

    def certify_person(self, name: str, id_no: str, spki: bytes) -> bytes:
        """A personal certificate, DER, for the key *spki*: the certification authority has seen the
        person. Raises :class:`NeighbourError` for somebody whom nobody knows."""
        if not self.matches(name, id_no):
            raise NeighbourError("nobody knows this person")
        key = self._signing_key("person_ca")
        now = canonical.moment(canonical.now()).replace(microsecond=0)
        issuer = Name.build([("C", "CN"), ("O", "模拟个人证书签发机构")])
        certificate = make_certificate(
            subject=Name.build([("C", "CN"), ("CN", name)]),
            public_key=spki,
            issuer=issuer,
            issuer_key=key,
            authority_spki=key.spki,
            serial=secrets.randbits(126) | 1 << 126,
            not_before=now - timedelta(minutes=5),
            not_after=now + timedelta(days=365),
            key_usage=("digitalSignature", "nonRepudiation"),
        )
        with self._lock:
            book = self._read()
            book["certified"][gm.sm3(certificate).hex()] = identity_digest(id_no)
            self._write(book)
        return certificate

    # MarketRegulator, ELicence, Identity

    def enterprise(self, code: str) -> RegisteredEnterprise | None:
        entry = self._read()["enterprises"].get(code)
        return RegisteredEnterprise(**entry) if entry else None

    def valid_until(self, code: str) -> int | None:
        entry = self.enterprise(code)
        return entry.licence_until if entry else None

    def matches(self, name: str, id_no: str) -> bool:
        known: str | None = self._read()["persons"].get(identity_digest(id_no))
        return known is not None and same_name(known, name)

    def certified_as(self, certificate: bytes) -> str | None:
        found: str | None = self._read()["certified"].get(gm.sm3(certificate).hex())
        return found

    @property
    def public_key(self) -> bytes:
        return self._signing_key("licence").public

    def consent(self, request: ConsentRequest) -> SignedConsent | None:
        """This city's representatives answer at once: yes for those whom they trust."""
        if request.handler_sm3 not in self._read()["trusted"].get(request.uscc, ()):
            raise ConsentRefused("经办人不是法定代表人授权的人")
        hour = canonical.moment(canonical.now()).replace(minute=0, second=0, microsecond=0)
        text = request.text(canonical.timestamp(canonical.microseconds(hour)))
        return SignedConsent(text, self._signing_key("licence").sign(text.encode()))

    # Police

    def filed_seal(self, code: str, subtype: str, whose: str = "") -> FiledSeal | None:
        with self._lock:
            book = self._read()
            found = [
                entry
                for entry in book["seals"].values()
                if (entry["uscc"], entry["subtype"]) == (code, subtype)
                and (not whose or whose in (entry.get("unit"), entry["name"]))
            ]
            in_use = [entry for entry in found if entry["status"] != "cancelled"]
            if not found:
                return None
            newest: dict[str, Any] = (in_use or found)[-1]
            if not newest["imprint_sm3"]:
                self._draw(book, newest)
            return FiledSeal(**newest)

    def cut_personal(self, name: str, shape: str) -> bytes:
        try:
            return engraving.draw("personal", name, shape=shape, dpi=self._dpi, font=self._font)
        except imprint.ImprintError as error:
            raise NeighbourError(str(error)) from error

    def imprint(self, seal_code: str) -> bytes:
        try:
            return (self._directory / "imprints" / f"{seal_code}.png").read_bytes()
        except OSError as error:
            raise NeighbourError(f"no imprint is filed for {seal_code}") from error

    def file(self, report: bytes) -> str:
        with self._lock:
            book = self._read()
            number = f"BA{len(book['filings']) + 1:08d}"
            book["filings"][number] = gm.sm3(report).hex()
            self._write(book)
        return number

    @property
    def police_key(self) -> bytes:
        return self._signing_key("police").public

    @property
    def market_key(self) -> bytes:
        return self._signing_key("market").public

    def sign_notice(self, sender: str, text: str) -> bytes:
        """What police or market supervision put under a notice."""
        return self._signing_key(sender).sign(text.encode())

    # NationalPlatform

    def assign_code(self, region: str) -> str:
        with self._lock:
            book = self._read()
            book["codes"][region] = book["codes"].get(region, 0) + 1
            self._write(book)
            return f"{region}{book['codes'][region]:08d}"

    def _draw(self, book: dict[str, Any], entry: dict[str, Any]) -> None:
        enterprise = book["enterprises"][entry["uscc"]]
        office = KINDS[entry["subtype"]].family == OFFICE
        picture = engraving.draw(
            entry["subtype"],
            entry["name"] if office else enterprise["name"],
            unit=entry.get("unit", ""),
            seal_code=entry["code"],
            credit_code=entry["uscc"],
            dpi=self._dpi,
            font=self._font,
        )
        folder = self._directory / "imprints"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{entry['code']}.png").write_bytes(picture)
        entry["imprint_sm3"] = gm.sm3(picture).hex()
        self._write(book)

    def _signing_key(self, name: str) -> SoftKey:
        with self._lock:
            book = self._read()
            if name not in book["keys"]:
                book["keys"][name] = SoftKey.generate().private.hex()
                self._write(book)
            return SoftKey.load(bytes.fromhex(book["keys"][name]))

    def _read(self) -> dict[str, Any]:
        try:
            book: dict[str, Any] = json.loads((self._directory / "city.json").read_bytes())
        except FileNotFoundError:
            book = {"enterprises": {}, "seals": {}, "filings": {}, "codes": {}, "serial": 0}
        for name in ("persons", "trusted", "certified", "keys"):  # not in books before 0.3
            book.setdefault(name, {})
        for entry in book["enterprises"].values():
            entry.setdefault("legal_rep_sm3", "")
        return book

    def _write(self, book: dict[str, Any]) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        text = json.dumps(book, ensure_ascii=False, indent=1)
        write_private(self._directory / "city.json", text.encode())


def _file(book: dict[str, Any], code: str, subtype: str, whose: str = "") -> str:
    """File a physical seal in *book*; gives its code: the region's six digits and seven more."""
    enterprise, kind = book["enterprises"][code], KINDS[subtype]
    book["serial"] += 1
    name = enterprise["name"] + kind.title + (whose if kind.names_unit else "")
    if kind.family == OFFICE:
        name = whose if kind.names_person else enterprise["legal_rep"]
    seal = FiledSeal(
        code=f"{regions.region_of(code)}{book['serial']:07d}",
        uscc=code,
        subtype=subtype,
        name=name,
        shape=kind.shape,
        width_mm=kind.width_mm,
        height_mm=kind.height_mm,
        status="delivered",
        valid_until=None,
        imprint_sm3="",  # known once the imprint was asked for and drawn
        unit=whose if kind.names_unit else "",
    )
    book["seals"][seal.code] = asdict(seal)
    return seal.code
