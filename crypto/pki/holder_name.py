"""Who holds a certificate, as people call them: one rule for terminal, window, report and tables.

    holder_of(certificate.subject, certificate.issuer) -> Holder(name, credit_code)

Certificate authorities disagree about where the holder's name stands. Real Chinese certificates
hold it in O, in one of several Os, in CN, between at-signs in CN, or behind the unified social
credit code (统一社会信用代码, GB 32100-2015); and O may name the authority's operator instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from crypto.frozen import frozen

CREDIT_CODE = re.compile(r"(?<![0-9A-Z])[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}")
"""Two signs for the registrar and kind, six digits for the region, ten signs (GB 32100-2015)."""

_ORGANIZATION, _COMMON_NAME = "2.5.4.10", "2.5.4.3"
_OPERATOR = re.compile(
    r"数字证书|电子认证|证书认证|电子商务安全|安全认证|认证中心|密钥管理"
    r"|\bCA\b|\bCFCA\b|certificat|trust (centre|center|network)",
    re.IGNORECASE,
)
"""Words in the names of certificate authorities and of those who run them."""


class _Name(Protocol):
    """A distinguished name: (attribute type as dotted OID, text) in the order of the encoding."""

    @property
    def attributes(self) -> tuple[tuple[str, str], ...]: ...


@frozen
class Holder:
    """The holder of a certificate as far as its subject tells."""

    name: str
    """A company's or a person's name; "" where the subject has none."""
    credit_code: str
    """18 characters; "" where the subject has none."""


def holder_of(subject: _Name, issuer: _Name) -> Holder:
    """Name and credit code of the *subject*.

    The name is the first O that is a name, not a bare number, not one of the *issuer*'s names and
    not that of an authority's operator; otherwise the first CN that is a name; otherwise whatever
    the subject has, the issuer's names last."""
    everything = [text for _, text in subject.attributes]
    codes = [found[0] for text in everything for found in CREDIT_CODE.finditer(text.upper())]
    issuers = {_folded(text) for _, text in issuer.attributes if len(text) > 2}
    organizations = list(_parts(_values(subject, _ORGANIZATION)))
    common_names = list(_parts(_values(subject, _COMMON_NAME)))
    name = (
        _first_name(organizations, issuers)
        or _first_name(common_names, ())
        or next(iter((*common_names, *organizations)), "")
    )
    return Holder(name, codes[0] if codes else "")


def is_held_by(subject: _Name, issuer: _Name, holder: str) -> bool:
    """Does a certificate with these names belong to *holder*? Blanks do not count."""
    return "".join(holder_of(subject, issuer).name.split()) == "".join(holder.split())


def without_credit_code(text: str) -> str:
    """*text* without the credit code in front of a name; a bare code stays as it is."""
    found = CREDIT_CODE.match(text)
    return text[found.end() :].strip(" -_@:：") or text if found else text


def _first_name(candidates: Sequence[str], issuers: Iterable[str]) -> str:
    known = set(issuers)
    return next(
        (
            text
            for text in candidates
            if _is_name(text) and _folded(text) not in known and not _OPERATOR.search(text)
        ),
        "",
    )


def _is_name(text: str) -> bool:
    """More than a number of some register: words of Chinese, or mostly letters."""
    letters, digits = len(re.findall(r"[^\W\d_]", text)), len(re.findall(r"\d", text))
    return _chinese(text) > 0 or (letters > digits and bool(re.search(r"[^\W\d_]{3}", text)))


def _values(name: _Name, kind: str) -> list[str]:
    return [text.strip() for found, text in name.attributes if found == kind and text.strip()]


def _parts(values: Iterable[str]) -> Iterator[str]:
    """Each value without a credit code before it; one that is put together with at-signs
    ("051@某公司@91320000…@1") in its parts, the longest Chinese one first."""
    for text in values:
        if "@" in text and not re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", text):
            parts = [without_credit_code(part.strip()) for part in text.split("@") if part.strip()]
            yield from sorted(parts, key=_chinese, reverse=True)
        else:
            yield without_credit_code(text)


def _chinese(text: str) -> int:
    """How many characters are Chinese. (Compiling a pattern of such ranges takes milliseconds.)"""
    return sum(
        "\u3400" <= each <= "\u9fff" or "\U00020000" <= each <= "\U0003ffff" for each in text
    )


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
