"""DER values changed element by element, with all lengths made right again.

Flipped bytes mostly die at the first length. Here an element is dropped, doubled, swapped, given
another tag or another's content, and the whole is encoded anew: what arrives is good DER of a wrong
shape, deep inside. The tests and the fuzzer's mutator share it.
"""

import random

from crypto.asn1 import der


class Node:
    """One element of a DER value, open to surgery."""

    def __init__(self, element: der.Tlv) -> None:
        self.tag = element.tag
        self.children: list[Node] = []
        self.content = element.content
        if element.tag & 0x20:
            self.children = [Node(child) for child in element.children()]

    def encode(self) -> bytes:
        if self.children:
            return der.encode(self.tag, *(child.encode() for child in self.children))
        return der.encode(self.tag, b"" if self.tag & 0x20 else self.content)

    def walk(self) -> "list[Node]":
        return [self, *(node for child in self.children for node in child.walk())]


def operate(value: bytes, dice: random.Random) -> bytes:
    """*value* with one to three elements changed."""
    whole = Node(der.parse(value))
    for _ in range(dice.randint(1, 3)):
        nodes = whole.walk()
        node, other = dice.choice(nodes), dice.choice(nodes)
        what = dice.randrange(8)
        if what == 0 and node.children:
            del node.children[dice.randrange(len(node.children))]
        elif what == 1 and node.children:
            node.children.append(dice.choice(node.children))
        elif what == 2 and node.children:
            dice.shuffle(node.children)
        elif what == 3:
            node.tag = dice.choice(
                [1, 2, 3, 4, 5, 6, 0x0C, 0x13, 0x17, 0x18, 0x30, 0x31, 0x80, 0xA0, 0xA1, 0xA3]
            )
        elif what == 4 and other not in node.walk() and node not in other.walk():
            node.tag, node.content, node.children = other.tag, other.content, other.children
        elif what == 5:
            node.content, node.children = dice.randbytes(dice.randrange(5)), []
        elif what == 6:
            node.content, node.children = b"", []
        elif node.content and not node.children:
            data = bytearray(node.content)
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            node.content = bytes(data)
    return whole.encode()
