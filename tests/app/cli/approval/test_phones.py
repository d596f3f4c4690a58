"""What the commands show of phones, and the QR code in a terminal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.cli.approval.phones import facts
from app.errors import PhoneNotFound
from app.remote.approval.phones import BORDER, Phone, chosen, qr_lines, qr_matrix
from crypto.algorithms.keys import SoftKey
from crypto.seal.purpose_text import write_time
from tests.world.authorities import Authorities
from tests.world.soft_phone import SoftPhone, bound

NOW = datetime.now(UTC)
URL = "http://localhost:8081/m/p/pairing_0123456789abcdef01234567#AAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture(scope="module")
def ukey() -> SoftKey:
    return Authorities().holder()


def phone(ukey: SoftKey, identity: str = "phone_1", **changes: str) -> Phone:
    term = {"from_": write_time(NOW), "until": write_time(NOW + timedelta(days=9))}
    return Phone(identity, "active", bound(SoftPhone(), ukey, **term | changes), NOW)


def test_a_phone_is_chosen_by_number_or_by_a_name_that_it_alone_has(ukey: SoftKey) -> None:
    one, two = phone(ukey), phone(ukey, "phone_2", phone="iPhone")
    assert chosen([one, two], "phone_1") is one
    assert chosen([one, two], "iPhone") is two
    gone = replace(two, id="phone_3", state="revoked")
    assert chosen([one, two, gone], "iPhone") is two
    for phones, which in (([one, replace(one, id="phone_4")], "测试手机"), ([gone], "phone_3")):
        with pytest.raises(PhoneNotFound):
            chosen(phones, which)


def test_what_scripts_are_told(ukey: SoftKey) -> None:
    told = facts(phone(ukey))
    assert (told["person"], told["seals"], told["state"]) == ("李四", "*", "active")
    assert len(told["binding_sha256"]) == 64


def test_a_code_has_its_border_and_its_three_corners() -> None:
    matrix = qr_matrix(URL)
    size = len(matrix)
    assert all(len(line) == size for line in matrix)
    edge = [*range(BORDER), *range(size - BORDER, size)]
    assert not any(matrix[y][x] or matrix[x][y] for y in edge for x in range(size))
    far = size - BORDER - 7
    for top, left in ((BORDER, BORDER), (BORDER, far), (far, BORDER)):
        ring = [matrix[top + k][left + m] for k in range(7) for m in (0, 6)]
        assert all(ring)
        assert not matrix[top + 1][left + 1]
        assert matrix[top + 3][left + 3]


def test_in_a_terminal_two_modules_are_one_character() -> None:
    matrix, lines = qr_matrix(URL), qr_lines(URL)
    assert len(lines) == (len(matrix) + 1) // 2
    upper = {"█": False, "▀": False, "▄": True, " ": True}
    assert [[upper[each] for each in line] for line in lines] == matrix[::2]
