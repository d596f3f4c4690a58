"""What a registry has of a seal, proved: nothing in it can be changed, and only a platform signs
it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_crl
from crypto.pki.revocation_list import Crl
from crypto.seal.registry_proof import RegistryProof, RegistryProofError
from tests.world.authorities import CODE, NOW, Authorities
from tests.world.registry_proofs import event, registry_proof

DAY = timedelta(days=1)
NEW = "32130200010077"
RECORDS = (
    event(CODE, "", "made", NOW - 9 * DAY),
    event(CODE, "made", "active", NOW - 8 * DAY),
    event(CODE, "active", "suspended", NOW - 3 * DAY, reason="lost"),
    event(CODE, "suspended", "cancelled", NOW - DAY, reason="replaced", successor=NEW),
)


@pytest.fixture(scope="module")
def authorities() -> Authorities:
    return Authorities()


@pytest.fixture(scope="module")
def registry(authorities: Authorities) -> SoftKey:
    return authorities.holder("32130200000088")


@pytest.fixture(scope="module")
def token(authorities: Authorities, registry: SoftKey) -> bytes:
    return registry_proof(CODE, RECORDS, authorities.status, registry, NOW)


def test_it_tells_what_became_of_the_seal_and_what_took_its_place(
    token: bytes, authorities: Authorities
) -> None:
    proof = RegistryProof.parse(token)
    assert [entry.fields["to"] for entry in proof.entries] == [
        *("made", "active", "suspended", "cancelled")
    ]
    assert [(each.state, each.reason) for each in proof.changes] == [
        ("suspended", "lost"),
        ("cancelled", "replaced"),
    ]
    assert proof.successor == NEW
    assert authorities.trust.vouches(proof)
    assert not Authorities("另一个根").trust.vouches(proof)


def test_a_status_key_that_was_stolen_proves_nothing_of_any_date(
    token: bytes, authorities: Authorities
) -> None:
    proof = RegistryProof.parse(token)
    for since, reason, believed in ((DAY, 1, False), (DAY, 4, True), (-DAY, 4, False)):
        crl = make_crl(
            issuer=authorities.name,
            issuer_key=authorities.key,
            authority_spki=authorities.key.spki,
            number=1,
            this_update=NOW + 2 * DAY,
            next_update=NOW + 3 * DAY,
            entries=[(Certificate.parse(proof.certificate).serial, NOW + since, reason)],
        )
        trust = replace(authorities.trust, crls=(Crl.parse(crl),))
        assert trust.vouches(proof) is believed


def test_only_a_status_key_signs_it(authorities: Authorities, registry: SoftKey) -> None:
    """A holder's certificate leads to the same root."""
    holder = authorities.holder()
    with pytest.raises(RegistryProofError, match="not for what a platform says"):
        RegistryProof.parse(registry_proof(CODE, RECORDS, holder, registry, NOW))


def test_eight_changes_are_refused(authorities: Authorities, registry: SoftKey) -> None:
    """Also with a status key's signature: what it says must hold by itself."""
    good = RegistryProof.parse(registry_proof(CODE, RECORDS, authorities.status, registry, NOW))
    first, second, *others = good.entries
    other = event(NEW, "", "made", NOW)
    changes: tuple[dict[str, Any], ...] = (
        {"entries": (replace(first, record=first.record.replace("made", "gone")), second)},
        {"entries": (replace(first, index=second.index), second)},
        {"entries": (second, first)},
        {"entries": (first, first)},
        {"entries": (replace(first, record=other), *others)},
        {"seal_code": NEW},
        {"key": authorities.holder().public},
        {"log": "another.example/registry"},
        {"size": good.size + 1},
        {"checkpoint": good.checkpoint.replace("\n\n", "\n\n— x AAAA\n", 1)[:-10]},
    )
    for number, change in enumerate(changes):
        with pytest.raises(RegistryProofError):
            RegistryProof.parse(replace(good, **change).encode(authorities.status))
        assert number >= 0


@example(at=2591, to=0)  # in the certificate
@given(at=st.integers(0, 10_000), to=st.integers(0, 255))
def test_no_byte_can_be_changed(token: bytes, at: int, to: int) -> None:
    place = at % len(token)
    changed = token[:place] + bytes([to]) + token[place + 1 :]
    if changed == token:
        return
    try:
        found = RegistryProof.parse(changed)
    except RegistryProofError:
        return
    # A byte of the certificate beside its key: whoever trusts the certificate checks all of it.
    assert found.certificate != RegistryProof.parse(token).certificate
    assert replace(found, certificate=b"", token=b"") == replace(
        RegistryProof.parse(token), certificate=b"", token=b""
    )


@given(st.binary(max_size=300))
def test_other_bytes_are_no_proof(data: bytes) -> None:
    with pytest.raises(RegistryProofError):
        RegistryProof.parse(data)
