"""The Merkle tree against an independent, naive reading of RFC 6962."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from crypto.algorithms.merkle import (
    Checkpoint,
    MerkleError,
    Tree,
    cosign_checkpoint,
    key_id,
    leaf_hash,
    open_checkpoint,
    sign_checkpoint,
    verify_consistency,
    verify_inclusion,
)


def naive_root(entries: list[bytes]) -> bytes:
    """MTH(D[n]) exactly as RFC 6962 §2.1 writes it, sharing nothing with the module."""
    if not entries:
        return gm.sm3(b"")
    if len(entries) == 1:
        return gm.sm3(b"\x00" + entries[0])
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return gm.sm3(b"\x01" + naive_root(entries[:k]) + naive_root(entries[k:]))


def naive_path(index: int, entries: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962 §2.1.1."""
    if len(entries) == 1:
        return []
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if index < k:
        return [*naive_path(index, entries[:k]), naive_root(entries[k:])]
    return [*naive_path(index - k, entries[k:]), naive_root(entries[:k])]


def grown(entries: list[bytes]) -> Tree:
    tree = Tree()
    for entry in entries:
        tree.append(entry)
    return tree


def numbered(count: int) -> list[bytes]:
    return [b"entry %d" % i for i in range(count)]


def test_roots_and_paths_equal_the_recursive_definition() -> None:
    entries = numbered(70)
    tree = grown(entries)
    for size in range(71):
        assert tree.root(size) == naive_root(entries[:size])
    for size in range(1, 40):
        for index in range(size):
            proof = tree.inclusion_proof(index, size)
            assert proof == naive_path(index, entries[:size])
            assert verify_inclusion(leaf_hash(entries[index]), index, size, proof, tree.root(size))


def test_every_pair_of_sizes_up_to_48_is_provably_consistent() -> None:
    tree = grown(numbered(48))
    for new in range(49):
        for old in range(new + 1):
            proof = tree.consistency_proof(old, new)
            assert verify_consistency(old, new, proof, tree.root(old), tree.root(new))


def test_a_tree_over_stored_nodes_continues_where_it_stopped() -> None:
    entries = numbered(37)
    store = {}
    first = Tree()
    for entry in entries[:21]:
        store.update({(level, index): value for level, index, value in first.append(entry)})
    second = Tree(store, 21)
    for entry in entries[21:]:
        second.append(entry)
    assert second.root() == naive_root(entries)
    assert second.inclusion_proof(3) == naive_path(3, entries)


@settings(max_examples=150)
@given(st.lists(st.binary(max_size=20), min_size=2, max_size=40), st.data())
def test_a_changed_proof_leaf_index_or_size_is_refused(
    entries: list[bytes], data: st.DataObject
) -> None:
    tree = grown(entries)
    index = data.draw(st.integers(0, len(entries) - 1))
    proof = tree.inclusion_proof(index)
    leaf, root, size = leaf_hash(entries[index]), tree.root(), len(entries)
    step = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    bent = bytearray(proof[step])
    bent[bit // 8] ^= 1 << bit % 8
    changed = [*proof[:step], bytes(bent), *proof[step + 1 :]]
    assert verify_inclusion(leaf, index, size, proof, root)
    assert not verify_inclusion(leaf, index, size, changed, root)
    assert not verify_inclusion(leaf, index, size, proof[:-1], root)
    assert not verify_inclusion(leaf, index, size, [*proof, root], root)
    assert not verify_inclusion(leaf_hash(entries[index] + b"!"), index, size, proof, root)
    assert not verify_inclusion(leaf, size, size, proof, root)
    assert not verify_inclusion(leaf, -1, size, proof, root)
    other = data.draw(
        st.integers(0, size - 1).filter(lambda i: entries[i] != entries[index]) | st.none()
    )
    if other is not None:
        assert not verify_inclusion(leaf, other, size, proof, root)


@settings(max_examples=150)
@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_a_rewritten_past_cannot_be_proved_consistent(a: int, b: int, data: st.DataObject) -> None:
    old, new = sorted((a, b))
    entries = numbered(new)
    victim = data.draw(st.integers(0, old - 1))
    honest = grown(entries)
    forged = grown([*entries[:victim], b"forged", *entries[victim + 1 :]])
    proof = forged.consistency_proof(old, new)
    assert not verify_consistency(old, new, proof, honest.root(old), forged.root(new))
    good = honest.consistency_proof(old, new)
    assert verify_consistency(old, new, good, honest.root(old), honest.root(new))
    if good:
        assert not verify_consistency(old, new, good[:-1], honest.root(old), honest.root(new))
    assert not verify_consistency(
        old, new, [*good, honest.root()], honest.root(old), honest.root(new)
    )


def test_what_a_tree_does_not_hold_it_does_not_prove() -> None:
    tree = grown(numbered(5))
    with pytest.raises(MerkleError):
        tree.root(6)
    with pytest.raises(MerkleError):
        tree.inclusion_proof(5)
    with pytest.raises(MerkleError):
        tree.consistency_proof(4, 3)
    with pytest.raises(MerkleError, match="missing"):
        Tree({}, 3).root()


KEY = SoftKey.generate()
CHECKPOINT = Checkpoint("seal.example/registry", 5, grown(numbered(5)).root())


def test_a_signed_checkpoint_opens_with_its_key_only() -> None:
    note = sign_checkpoint(CHECKPOINT, KEY)
    assert open_checkpoint(note, KEY.public) == CHECKPOINT
    assert note.splitlines()[:4] == [
        "seal.example/registry",
        "5",
        base64.b64encode(CHECKPOINT.root).decode(),
        "",
    ]
    assert note.splitlines()[4].startswith("— seal.example/registry ")
    with pytest.raises(MerkleError, match="not signed by"):
        open_checkpoint(note, SoftKey.generate().public)


def test_a_changed_checkpoint_is_refused() -> None:
    note = sign_checkpoint(CHECKPOINT, KEY)
    root = base64.b64encode(CHECKPOINT.root).decode()
    for bent in (
        note.replace("\n5\n", "\n6\n"),
        note.replace("\n5\n", "\n05\n"),
        note.replace(root, base64.b64encode(bytes(32)).decode()),
        note.replace("\n\n", "\n"),
        note.replace("\n", "\r\n"),
        note.replace("registry\n5", "ledger\n5"),
        note.replace(root, root[:-2] + "é="),
        note[:-3] + "é\n",
        note + "nonsense\n",
        note[:-1],
        "",
    ):
        with pytest.raises(MerkleError):
            open_checkpoint(bent, KEY.public)


def test_a_witness_adds_its_line_and_the_first_signature_still_holds() -> None:
    witness = SoftKey.generate()
    note = cosign_checkpoint(sign_checkpoint(CHECKPOINT, KEY), "auditor", witness)
    assert open_checkpoint(note, KEY.public) == CHECKPOINT
    assert open_checkpoint(note, witness.public, "auditor") == CHECKPOINT
    with pytest.raises(MerkleError, match="not signed by"):
        open_checkpoint(note, KEY.public, "auditor")


def test_the_key_id_binds_name_and_key() -> None:
    ids = {
        key_id("a", KEY.public),
        key_id("b", KEY.public),
        key_id("a", SoftKey.generate().public),
    }
    assert {len(value) for value in ids} == {4}
    assert len(ids) == 3


@pytest.mark.parametrize("origin", ["", "two words", "line\nbreak", "a+b"])
def test_an_origin_that_could_be_misread_is_not_signed(origin: str) -> None:
    with pytest.raises(MerkleError):
        sign_checkpoint(replace(CHECKPOINT, origin=origin), KEY)
