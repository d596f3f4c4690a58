"""The path from a certificate to a trust anchor, and what speaks against it (RFC 5280 §6.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from datetime import datetime
from functools import cached_property
from itertools import pairwise

from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.weakness import weaknesses

MAX_CHAIN = 8
"""Certificates of a path, its anchor included."""


@frozen
class ChainProblem:
    """One reason why a chain does not hold."""

    code: str
    """untrusted, expired, not_yet_valid, not_a_ca, path_too_long, critical_extension."""

    subject: str
    """The certificate it is about."""

    above: bool = field(default=True, compare=False)
    """It is about another certificate than the first, whatever their names."""


@frozen
class Chain:
    """The best path found from a certificate towards a trust anchor."""

    path: tuple[Certificate, ...]
    """Leaf first; ends at the anchor when `trusted`."""

    anchored: bool
    """The path ends at a trust anchor and every signature on it verifies."""

    problems: tuple[ChainProblem, ...]

    @property
    def anchor(self) -> Certificate | None:
        """The trust anchor at its end, if it has one."""
        return self.path[-1] if self.anchored else None

    @property
    def trusted(self) -> bool:
        """Anchored, and nothing speaks against any certificate of the path."""
        return self.anchored and not self.problems

    @property
    def sound(self) -> bool:
        """Trusted, and no certificate of the path can be forged."""
        return self.trusted and not self.weaknesses

    @cached_property
    def weaknesses(self) -> tuple[tuple[Certificate, str], ...]:
        """The certificates whose own signatures are weak, and by what: the digest, or the key of
        their issuer, an anchor's included. How an anchor itself is signed does not matter: it is
        trusted by choice."""
        weak = list(_weak_links(self.path))
        last = self.path[-1]
        if not self.anchored and not last.self_issued:  # its issuer, and so the key, is not known
            named = weaknesses(None, last.signature_algorithm, last.signature_parameters)
            weak += [(last, weakness) for weakness in named]
        return tuple(weak)


def build_chain(
    leaf: Certificate,
    pool: Iterable[Certificate],
    anchors: Sequence[Certificate],
    at: datetime,
) -> Chain:
    """Find the path from *leaf* through *pool* to one of *anchors*, judged at the moment *at*.

    Candidates are found by name and key identifier, then by signature; at most :data:`MAX_CHAIN`
    long and 64 signatures in all, so a hostile pool costs a bounded time. Checks validity, basic
    constraints, keyCertSign, path length and unknown critical extensions (RFC 5280 §6.1). Where
    authorities cross-sign, a path that nothing speaks against goes before one that could be forged,
    and that before one with problems."""
    trusted = {anchor.der for anchor in anchors}
    candidates = list({c.der: c for c in (*anchors, *pool)}.values())
    budget = 64
    best: list[Certificate] = [leaf]
    weak: list[Certificate] | None = None  # the first path to an anchor that could be forged
    flawed: list[Certificate] | None = None  # … that has problems

    def extend(path: list[Certificate]) -> list[Certificate] | None:
        nonlocal budget, best, weak, flawed
        if len(path) > len(best):
            best = path
        last = path[-1]
        if last.der in trusted:
            if any(_path_problems(tuple(path), at)):
                flawed = flawed or path
            elif any(_weak_links(path)):
                weak = weak or path
            else:
                return path
            return None
        if len(path) >= MAX_CHAIN or (last.self_issued and last.issued_by(last)):
            return None
        for candidate in candidates:
            if candidate in path or not _may_have_issued(candidate, last):
                continue
            budget -= 1
            if budget < 0:
                return None
            if last.issued_by(candidate):
                found = extend([*path, candidate])
                if found:
                    return found
        return None

    found = extend([leaf]) or weak or flawed
    path = tuple(found or best)
    problems = list(_path_problems(path, at))
    if not found:
        problems.insert(0, ChainProblem("untrusted", str(path[-1].issuer)))
    return Chain(path, found is not None, tuple(problems))


def _weak_links(path: Sequence[Certificate]) -> Iterator[tuple[Certificate, str]]:
    for certificate, issuer in pairwise(path):
        algorithm, parameters = certificate.signature_algorithm, certificate.signature_parameters
        for weakness in weaknesses(issuer.public_key, algorithm, parameters):
            yield certificate, weakness


def _may_have_issued(candidate: Certificate, subject: Certificate) -> bool:
    if not candidate.subject.matches(subject.issuer):
        return False
    wanted, offered = subject.authority_key_id, candidate.subject_key_id
    return not (wanted and offered) or wanted == offered


def _path_problems(path: tuple[Certificate, ...], at: datetime) -> Iterator[ChainProblem]:
    below = 0  # intermediate certificates between this one and the leaf that are not self-issued
    for index, certificate in enumerate(path):
        subject, above = str(certificate.subject), index > 0
        if at > certificate.not_after:
            yield ChainProblem("expired", subject, above)
        elif at < certificate.not_before:
            yield ChainProblem("not_yet_valid", subject, above)
        if certificate.unknown_critical:
            yield ChainProblem("critical_extension", subject, above)
        if index == 0:
            continue
        usage = certificate.key_usage
        if not certificate.is_ca or (usage is not None and "keyCertSign" not in usage):
            yield ChainProblem("not_a_ca", subject)
        if certificate.path_length is not None and below > certificate.path_length:
            yield ChainProblem("path_too_long", subject)
        if not certificate.self_issued:
            below += 1
