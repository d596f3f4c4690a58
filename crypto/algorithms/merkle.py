"""Merkle trees over SM3 in the shape of RFC 6962 / RFC 9162 §2.1, and signed checkpoints.

The platform's two logs are such trees; client, server and auditor share this module. A leaf is
``SM3(00 ‖ entry)``, an inner node ``SM3(01 ‖ left ‖ right)``, the empty tree ``SM3("")``.

A checkpoint is a text note in the shape of C2SP's *tlog-checkpoint* and *signed-note*: same shape,
**not interoperable** — those fix SHA-256 and Ed25519 for public logs, here it is SM3 and SM2, so
the signature type is 0xff followed by a long identifier, as signed-note asks of private algorithms.

>>> tree = Tree()
>>> for entry in (b"a", b"b", b"c"):
...     _ = tree.append(entry)
>>> proof = tree.inclusion_proof(1, 3)
>>> verify_inclusion(leaf_hash(b"b"), 1, 3, proof, tree.root())
True
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Protocol

from crypto.algorithms import gm
from crypto.frozen import frozen

HASH_SIZE = 32
MAX_NOTE = 65_536
_SIGNATURE_TYPE = b"\xffSM2-with-SM3/C2SP-shape-v1"


class MerkleError(ValueError):
    """A tree was asked for what it does not hold, or a note is malformed or not rightly signed."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one log entry as a leaf: 32 bytes."""
    return gm.sm3(b"\x00" + entry)


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node over its two children: 32 bytes."""
    return gm.sm3(b"\x01" + left + right)


def _split(size: int) -> int:
    """The largest power of two smaller than *size* (size ≥ 2)."""
    return 1 << (size - 1).bit_length() - 1


def edge_places(size: int) -> list[tuple[int, int]]:
    """(level, index) of the complete subtrees of which a tree of *size* leaves consists, one for
    each bit of the size, the largest first."""
    places, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            places.append((level, start >> level))
            start += 1 << level
    return places


class Tree:
    """An append-only tree.

    It keeps the hash of every *complete* subtree under (level, index): level 0 are the leaves, node
    (l, i) covers leaves i·2^l … (i+1)·2^l − 1. *nodes* may be any mapping that already holds those
    of the first *size* leaves (the platform passes its table); what an append adds is kept on top
    and also returned, for the caller to store."""

    def __init__(self, nodes: Mapping[tuple[int, int], bytes] | None = None, size: int = 0) -> None:
        self._stored: Mapping[tuple[int, int], bytes] = {} if nodes is None else nodes
        self._added: dict[tuple[int, int], bytes] = {}
        self._size = size

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    def append(self, entry: bytes) -> list[tuple[int, int, bytes]]:
        """Add *entry* as leaf number ``size``. Gives the nodes that became complete by it, as
        (level, index, hash), the leaf first."""
        level, index, value = 0, self._size, leaf_hash(entry)
        new = [(level, index, value)]
        self._added[level, index] = value
        while index & 1:
            value = node_hash(self.node(level, index - 1), value)
            level, index = level + 1, index >> 1
            self._added[level, index] = value
            new.append((level, index, value))
        self._size += 1
        return new

    def root(self, size: int | None = None) -> bytes:
        """The root over the first *size* leaves (all of them by default): 32 bytes."""
        size = self._checked(self._size if size is None else size)
        return self._range(0, size) if size else gm.sm3(b"")

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """PATH(index, D[size]) of RFC 6962 §2.1.1, for :func:`verify_inclusion`."""
        size = self._checked(self._size if size is None else size)
        if not 0 <= index < size:
            raise MerkleError(f"leaf {index} is not in a tree of {size}")
        return self._path(index, 0, size)

    def consistency_proof(self, old: int, new: int | None = None) -> list[bytes]:
        """PROOF(old, D[new]) of RFC 6962 §2.1.2, for :func:`verify_consistency`."""
        new = self._checked(self._size if new is None else new)
        if not 0 <= old <= new:
            raise MerkleError(f"no proof from size {old} to size {new}")
        return [] if old in (0, new) else self._subproof(old, 0, new, True)

    def _checked(self, size: int) -> int:
        if not 0 <= size <= self._size:
            raise MerkleError(f"the tree has {self._size} leaves, not {size}")
        return size

    def node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree. Raises :class:`MerkleError` if it is not at hand."""
        value = self._added.get((level, index)) or self._stored.get((level, index))
        if value is None:
            raise MerkleError(f"node ({level}, {index}) is missing")
        return value

    def _range(self, start: int, count: int) -> bytes:
        """The hash over leaves start … start+count−1; *start* is a multiple of the power of two
        that holds *count*, which is so for every range the recursions below ask for."""
        if count & (count - 1) == 0:
            level = count.bit_length() - 1
            return self.node(level, start >> level)
        left = _split(count)
        return node_hash(self._range(start, left), self._range(start + left, count - left))

    def _path(self, index: int, start: int, count: int) -> list[bytes]:
        if count == 1:
            return []
        left = _split(count)
        if index < left:
            return [*self._path(index, start, left), self._range(start + left, count - left)]
        deeper = self._path(index - left, start + left, count - left)
        return [*deeper, self._range(start, left)]

    def _subproof(self, old: int, start: int, count: int, whole: bool) -> list[bytes]:
        if old == count:
            return [] if whole else [self._range(start, count)]
        left = _split(count)
        if old <= left:
            deeper = self._subproof(old, start, left, whole)
            return [*deeper, self._range(start + left, count - left)]
        deeper = self._subproof(old - left, start + left, count - left, False)
        return [*deeper, self._range(start, left)]


# --- verifiers: what a client needs, without any tree ------------------------------------------


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Is *leaf* (a :func:`leaf_hash`) number *index* of the tree with *size* leaves and *root*?
    (RFC 9162 §2.1.3.2). False for anything malformed."""
    if not 0 <= index < size or any(len(step) != HASH_SIZE for step in (leaf, root, *proof)):
        return False
    node, last, value = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            value = node_hash(step, value)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            value = node_hash(value, step)
        node, last = node >> 1, last >> 1
    return last == 0 and value == root


def verify_consistency(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Is the tree of *old* leaves with *old_root* a beginning of the one of *new* leaves with
    *new_root*? (RFC 9162 §2.1.4.2). False for anything malformed."""
    if not 0 <= old <= new or any(len(v) != HASH_SIZE for v in (old_root, new_root, *proof)):
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:  # the empty tree is a beginning of every tree
        return not proof and old_root == gm.sm3(b"")
    steps = list(proof)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, step)
        node, last = node >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


# --- checkpoints -------------------------------------------------------------------------------


class NoteKey(Protocol):
    """An SM2 key with its public half (:class:`crypto.algorithms.keys.SoftKey` is one)."""

    @property
    def public(self) -> bytes: ...
    def sign(self, message: bytes) -> bytes: ...


@frozen
class Checkpoint:
    """What a log commits itself to at one moment."""

    origin: str
    """The log's name, unique for ever, e.g. ``seal.suqian.example/registry``: one line of text."""

    size: int
    root: bytes
    """32 bytes."""

    @property
    def body(self) -> bytes:
        """The signed text: origin, size, base64 of the root, each ended by a newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()


def key_id(name: str, public: bytes) -> bytes:
    """The 4 bytes that tell a note's signatures apart: SM3(name ‖ LF ‖ type ‖ X‖Y) cut short."""
    return gm.sm3(name.encode() + b"\n" + _SIGNATURE_TYPE + public)[:4]


def sign_checkpoint(checkpoint: Checkpoint, key: NoteKey) -> str:
    """The checkpoint as a note signed by the log's key, whose name is the log's origin."""
    _check_name(checkpoint.origin)
    return checkpoint.body.decode() + "\n" + _signature_line(checkpoint, checkpoint.origin, key)


def cosign_checkpoint(note: str, name: str, key: NoteKey) -> str:
    """*note* with one more signature line: a witness called *name* has seen this checkpoint.

    Adds only; the witness first opens the note and checks consistency with what it saw before."""
    _check_name(name)
    return note + _signature_line(_parse(note)[0], name, key)


def open_checkpoint(note: str, public: bytes, name: str | None = None) -> Checkpoint:
    """The checkpoint of *note* if *public* (64 bytes X‖Y) signed it under *name* (default: the
    note's own origin). Raises :class:`MerkleError`; lines of other signers are passed over."""
    checkpoint, lines = _parse(note)
    signer = checkpoint.origin if name is None else name
    wanted = key_id(signer, public)
    for line in lines:
        who, _, encoded = line.removeprefix("— ").rpartition(" ")
        try:
            value = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise MerkleError("a signature line is not base64") from error
        if who == signer and value[:4] == wanted:
            if gm.sm2_verify(public, checkpoint.body, value[4:]):
                return checkpoint
            raise MerkleError("the signature of the checkpoint is wrong")
    raise MerkleError(f"the checkpoint is not signed by {signer}")


def _signature_line(checkpoint: Checkpoint, name: str, key: NoteKey) -> str:
    value = key_id(name, key.public) + key.sign(checkpoint.body)
    return f"— {name} {base64.b64encode(value).decode()}\n"


def _check_name(name: str) -> None:
    if not name or len(name) > 255 or "+" in name or any(c.isspace() for c in name):
        raise MerkleError("a signer's name is non-empty and without spaces or plus signs")


def _parse(note: str) -> tuple[Checkpoint, list[str]]:
    """The checkpoint and the signature lines; strict, because the exact bytes are signed."""
    if len(note) > MAX_NOTE or "\r" in note:
        raise MerkleError("not a checkpoint")
    body, separator, signatures = note.partition("\n\n")
    lines = body.split("\n")
    if not separator or len(lines) != 3 or not signatures.endswith("\n"):
        raise MerkleError("a checkpoint has three lines, an empty one, and signatures")
    origin, size, encoded = lines
    _check_name(origin)
    if not size.isdecimal() or not size.isascii() or (len(size) > 1 and size[0] == "0"):
        raise MerkleError("the size of a checkpoint is a plain decimal number")
    try:
        root = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise MerkleError("the root of a checkpoint is not base64") from error
    if len(root) != HASH_SIZE or len(size) > 18:
        raise MerkleError("the root or the size of a checkpoint is out of range")
    signature_lines = signatures.removesuffix("\n").split("\n")
    if not all(line.startswith("— ") for line in signature_lines):
        raise MerkleError("a signature line begins with a long dash")
    checkpoint = Checkpoint(origin, int(size), root)
    if checkpoint.body.decode() != body + "\n":
        raise MerkleError("the checkpoint is not in its one canonical form")
    return checkpoint, signature_lines
