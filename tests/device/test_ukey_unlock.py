"""A locked PIN of the virtual Ukey is set anew by a statement of whom the key was told of: once, in
its term, for this key and a certificate that it holds."""

from __future__ import annotations

import hashlib
import secrets
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_certificate
from crypto.pki.names_and_algorithms import Name
from crypto.seal.unlocking import secret_for
from device.pkcs11 import Module
from device.token import (
    NotLoggedIn,
    PinIncorrect,
    PinLocked,
    PinNotAllowed,
    Token,
    UnlockProblem,
    UnlockRefused,
)
from device.virtual import make_token, plug_in, pull_out, set_faults, token_path
from tests.device.ukey_bench import SO_PIN, USER_PIN

NEW_PIN, OTHER_PIN = "new-pin-5173", "other-pin-6284"
DAY = 86400
Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass
class Platform:
    """Whoever unlocks, without the product's own code for statements."""

    signer: SoftKey = field(default_factory=SoftKey.generate)
    recipient: SoftKey = field(default_factory=SoftKey.generate)

    def pin_on(self, token: Token, pin: str = USER_PIN) -> None:
        with token.login(pin) as session:
            session.pin_unlocker(self.signer.public, self.recipient.public)

    def told(self, token: Token) -> bytes:
        """The secret and the names of the token's keys."""
        request = token.unlock_request()
        assert request is not None
        return gm.sm2_decrypt(self.recipient.private, request.secret)

    def lines(self, token: Token, certificate: bytes) -> list[str]:
        request = token.unlock_request()
        assert request is not None
        now = int(time.time())
        secret = self.told(token)[:32]
        return [
            "SUQIAN-UKEY-UNLOCK-V1",
            "https://platform.example",
            "app_0123456789abcdef",
            token.info.serial,
            f"{Certificate.parse(certificate).serial:x}",
            request.nonce.hex(),
            str(now - 60),
            str(now - 60 + DAY),
            secret.hex(),
        ]

    def sign(self, lines: list[str]) -> tuple[bytes, bytes]:
        text = "".join(f"{line}\n" for line in lines).encode()
        return text, self.signer.sign(text)


SERIAL, CERTIFICATE, NONCE, NOT_BEFORE, NOT_AFTER, SECRET = range(3, 9)


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def certificate(token: Token, platform: Platform) -> bytes:
    """Of a key on the token, which knows its unlocker."""
    return equipped(token, platform)


def equipped(token: Token, platform: Platform) -> bytes:
    with token.login(USER_PIN) as session:
        key = session.generate_key("sm2", "公章")
        made = certified(key.public_key)
        session.store_certificate(made, "公章", key.key_id)
        session.pin_unlocker(platform.signer.public, platform.recipient.public)
    return made


def certified(spki: bytes) -> bytes:
    issuer, now = SoftKey.generate(), datetime.now(UTC)
    return make_certificate(
        subject=Name.build([("CN", "甲公司")]),
        public_key=spki,
        issuer=Name.build([("CN", "CA")]),
        issuer_key=issuer,
        authority_spki=issuer.spki,
        serial=secrets.randbits(64) | 1,
        not_before=now,
        not_after=now + timedelta(days=1),
        key_usage=("digitalSignature",),
    )


def locked(token: Token) -> None:
    for _ in range(10):
        with pytest.raises((PinIncorrect, PinLocked)):
            token.login("wrong-pin")
    assert token.pin_state().locked


def refused(token: Token, statement: tuple[bytes, bytes], why: UnlockProblem) -> None:
    """Refused, and nothing has changed."""
    before = (token.unlock_request(), token.pin_state())
    with pytest.raises(UnlockRefused) as caught:
        token.unlock(*statement, NEW_PIN)
    assert caught.value.reason is why
    assert (token.unlock_request(), token.pin_state()) == before


def test_a_statement_unlocks_and_the_keys_stay(
    token: Token, certificate: bytes, platform: Platform
) -> None:
    locked(token)
    token.unlock(*platform.sign(platform.lines(token, certificate)), NEW_PIN)
    assert token.pin_state().tries_left == 10
    with token.login(NEW_PIN) as session:
        [key] = session.keys()
        assert key.certificate == certificate
        assert len(key.sign(bytes(32))) == 64
    with pytest.raises(PinIncorrect):
        token.login(USER_PIN)
    token.unblock(SO_PIN, OTHER_PIN)  # the security officer's way stays open
    token.login(OTHER_PIN).close()


def test_a_statement_is_good_once_and_the_next_one_takes_another_request(
    token: Token, certificate: bytes, platform: Platform
) -> None:
    first = platform.sign(platform.lines(token, certificate))
    token.unlock(*first, NEW_PIN)
    refused(token, first, UnlockProblem.USED)
    token.unlock(*platform.sign(platform.lines(token, certificate)), OTHER_PIN)
    token.login(OTHER_PIN).close()


def test_a_used_statement_with_the_new_nonce_opens_nothing(
    token: Token, certificate: bytes, platform: Platform
) -> None:
    """Even whoever signs for the platform needs the new secret, too."""
    old = platform.lines(token, certificate)
    token.unlock(*platform.sign(old), NEW_PIN)
    fresh = platform.lines(token, certificate)
    assert fresh[SECRET] != old[SECRET]
    refused(token, platform.sign([*fresh[:SECRET], old[SECRET]]), UnlockProblem.INVALID)


@pytest.mark.parametrize("moment", ["mid_write", "before_rename"])
def test_a_power_cut_leaves_a_statement_that_still_counts_once(
    token: Token,
    certificate: bytes,
    platform: Platform,
    folder: Path,
    in_another_process: Run,
    moment: str,
) -> None:
    text, signature = platform.sign(platform.lines(token, certificate))
    set_faults(folder, crash=moment)
    ended = in_another_process(f"token.unlock({text!r}, {signature!r}, {NEW_PIN!r})")
    assert ended.returncode == 86
    set_faults(folder)
    token.login(USER_PIN).close()
    token.unlock(text, signature, OTHER_PIN)
    token.login(OTHER_PIN).close()
    refused(token, (text, signature), UnlockProblem.USED)


def test_a_replay_after_pulling_the_key_out_is_refused(
    token: Token, certificate: bytes, platform: Platform, folder: Path
) -> None:
    statement = platform.sign(platform.lines(token, certificate))
    token.unlock(*statement, NEW_PIN)
    pull_out(folder)
    plug_in(folder)
    refused(token, statement, UnlockProblem.USED)


def test_a_statement_of_somebody_else_is_refused(
    token: Token, certificate: bytes, platform: Platform
) -> None:
    lines = platform.lines(token, certificate)
    refused(token, Platform().sign(lines), UnlockProblem.SIGNER)
    text, _ = platform.sign(lines)
    by_recipient = (text, platform.recipient.sign(text))
    refused(token, by_recipient, UnlockProblem.SIGNER)


def test_an_altered_statement_is_refused(
    token: Token, certificate: bytes, platform: Platform
) -> None:
    text, signature = platform.sign(platform.lines(token, certificate))
    for place in (0, 30, len(text) // 2, len(text) - 2):
        changed = text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :]
        refused(token, (changed, signature), UnlockProblem.SIGNER)
    refused(token, (text + b"\n", signature), UnlockProblem.SIGNER)
    refused(token, (text, signature[:-1]), UnlockProblem.SIGNER)
    refused(token, (text, b""), UnlockProblem.SIGNER)
    refused(token, (text, signature + bytes(200)), UnlockProblem.SIGNER)


def test_a_statement_has_a_term_of_a_day_at_most(
    token: Token, certificate: bytes, platform: Platform
) -> None:
    lines, now = platform.lines(token, certificate), int(time.time())
    for from_, until, why in (
        (now - DAY - 60, now - 60, UnlockProblem.EXPIRED),
        (now + 3600, now + 7200, UnlockProblem.EXPIRED),
        (now - 60, now + DAY, UnlockProblem.INVALID),
        (now, now - 1, UnlockProblem.INVALID),
    ):
        lines[NOT_BEFORE], lines[NOT_AFTER] = str(from_), str(until)
        refused(token, platform.sign(lines), why)


def test_signed_nonsense_is_refused(token: Token, certificate: bytes, platform: Platform) -> None:
    """The signer is believed about this token, and about nothing that is not of the form."""
    lines = platform.lines(token, certificate)
    for wrong in (
        ["SUQIAN-SEAL-INTENT-V1", *lines[1:]],
        lines[:-1],
        [*lines, "more"],
        [*lines[:NONCE], lines[NONCE].upper(), *lines[NONCE + 1 :]],
        [*lines[:NONCE], lines[NONCE][:-2], *lines[NONCE + 1 :]],
        [*lines[:NOT_BEFORE], "-1", *lines[NOT_AFTER:]],
        [*lines[:NOT_AFTER], "9" * 40, lines[SECRET]],
        [*lines[:SECRET], "zz" * 32],
        [*lines[:1], "", *lines[2:]],
        [*lines[:1], "a\0b", *lines[2:]],
        [*lines[:1], "长" * 400, *lines[2:]],
    ):
        refused(token, platform.sign(wrong), UnlockProblem.INVALID)
    refused(token, (b"", platform.signer.sign(b"")), UnlockProblem.INVALID)


def test_another_keys_statement_is_refused(
    token: Token,
    certificate: bytes,
    platform: Platform,
    folder: Path,
    module: Module,
) -> None:
    make_token(folder, 1, label="乙公司", so_pin=SO_PIN, user_pin=USER_PIN)
    other = next(each for each in module.tokens() if each.info.serial != token.info.serial)
    others = equipped(other, platform)
    refused(token, platform.sign(platform.lines(other, others)), UnlockProblem.OTHER_KEY)
    theirs = f"{Certificate.parse(others).serial:x}"
    mixed = platform.lines(token, certificate)
    mixed[CERTIFICATE] = theirs
    refused(token, platform.sign(mixed), UnlockProblem.OTHER_KEY)
    with token.open() as session:  # no PIN is needed to put a certificate there
        session.store_certificate(others, "乙公司", b"other")
    refused(token, platform.sign(mixed), UnlockProblem.OTHER_KEY)


def test_whose_statements_count_is_told_once_by_the_user(token: Token, platform: Platform) -> None:
    assert token.unlock_request() is None
    with token.open() as session, pytest.raises(NotLoggedIn):
        session.pin_unlocker(platform.signer.public, platform.recipient.public)
    platform.pin_on(token)
    told = token.unlock_request()
    assert told is not None
    assert told.signer == platform.signer.public
    Platform().pin_on(token)
    assert token.unlock_request() == told


def test_a_key_that_knows_nobody_is_not_unlocked(token: Token, platform: Platform) -> None:
    lines = ["SUQIAN-UKEY-UNLOCK-V1", *("x" for _ in range(8))]
    with pytest.raises(UnlockRefused) as caught:
        token.unlock(*platform.sign(lines), NEW_PIN)
    assert caught.value.reason is UnlockProblem.NOT_PINNED


def test_initialising_forgets_whose_statements_count(
    token: Token, certificate: bytes, platform: Platform
) -> None:
    statement = platform.sign(platform.lines(token, certificate))
    token.initialise("甲公司", SO_PIN, OTHER_PIN)
    assert token.unlock_request() is None
    with pytest.raises(UnlockRefused):
        token.unlock(*statement, NEW_PIN)
    token.login(OTHER_PIN).close()


def test_a_weak_new_pin_uses_up_no_statement(
    token: Token, certificate: bytes, platform: Platform
) -> None:
    statement = platform.sign(platform.lines(token, certificate))
    with pytest.raises(PinNotAllowed):
        token.unlock(*statement, "12345678")
    token.unlock(*statement, NEW_PIN)


def test_the_file_tells_neither_secret_nor_keys(
    token: Token, certificate: bytes, platform: Platform, folder: Path
) -> None:
    secret = bytes.fromhex(platform.lines(token, certificate)[SECRET])
    assert secret not in token_path(folder, 0).read_bytes()


@pytest.mark.parametrize("whose", ["signer", "recipient"])
def test_a_signer_or_recipient_written_into_the_file_gets_nothing_at_the_next_reset(
    whose: str, token: Token, certificate: bytes, platform: Platform, folder: Path
) -> None:
    """The file is nobody's who cannot open it: a thief's recipient would get the next secret."""
    path, thief = token_path(folder, 0), SoftKey.generate()
    own = {"signer": platform.signer, "recipient": platform.recipient}[whose]
    lines = platform.lines(token, certificate)
    data = path.read_bytes()
    assert data.count(own.public) == 1
    data = data.replace(own.public, thief.public)
    data = data[:8] + bytes([data[8] ^ 1]) + data[9:-32]  # another state, or it is not read again
    path.write_bytes(data + hashlib.sha256(data).digest())
    if whose == "signer":
        platform.signer = thief
    with pytest.raises(UnlockRefused) as caught:
        token.unlock(*platform.sign(lines), NEW_PIN)
    assert caught.value.reason is UnlockProblem.INVALID
    token.login(USER_PIN).close()


def point_in(certificate: bytes) -> bytes:
    return Certificate.parse(certificate).public_key.point


def test_the_secret_is_for_the_keys_of_this_token_alone(
    token: Token, certificate: bytes, platform: Platform, folder: Path, module: Module
) -> None:
    """Both ways: who swaps the files, or asks with a request copied from another's, gets nothing
    for a certificate of his own."""
    make_token(folder, 1, label="乙公司", so_pin=SO_PIN, user_pin=USER_PIN)
    other = next(each for each in module.tokens() if each.info.serial != token.info.serial)
    theirs = equipped(other, platform)
    for held, own, foreign in ((token, certificate, theirs), (other, theirs, certificate)):
        told = platform.told(held)
        assert told[32:] == gm.sm3(point_in(own))
        assert secret_for(told, point_in(own)) == told[:32]
        with pytest.raises(ValueError, match="not of a Ukey with that key"):
            secret_for(told, point_in(foreign))
        for cut in (b"", told[:32], told[:-1]):  # as before keys were named, and cut off
            with pytest.raises(ValueError, match="not of a Ukey with that key"):
                secret_for(cut, point_in(own))


def test_a_new_key_pair_and_an_unlocking_name_the_keys_again(
    token: Token, certificate: bytes, platform: Platform
) -> None:
    before = token.unlock_request()
    with token.login(USER_PIN) as session:
        made = Certificate.parse(certified(session.generate_key("sm2", "财务章").public_key))
    names = [gm.sm3(point_in(certificate)), gm.sm3(made.public_key.point)]
    after = token.unlock_request()
    assert before is not None
    assert after is not None
    assert after.nonce != before.nonce
    assert platform.told(token)[32:] == b"".join(names)
    token.unlock(*platform.sign(platform.lines(token, certificate)), NEW_PIN)
    assert platform.told(token)[32:] == b"".join(names)


def test_a_request_of_before_keys_were_named_is_made_anew_for_the_same_platform(
    token: Token, certificate: bytes, platform: Platform, folder: Path
) -> None:
    path = token_path(folder, 0)
    data = path.read_bytes()
    flag = 8 + 3 * 16 + 32 + 3  # after title, state, epoch, serial, label, tries, PIN set
    assert data[flag] == 2
    data = data[:8] + bytes([data[8] ^ 1]) + data[9:flag] + b"\1" + data[flag + 1 : -32]
    path.write_bytes(data + hashlib.sha256(data).digest())
    before = token.unlock_request()
    Platform().pin_on(token)
    assert token.unlock_request() == before
    platform.pin_on(token)
    after = token.unlock_request()
    assert after != before
    assert platform.told(token)[32:] == gm.sm3(point_in(certificate))
    platform.pin_on(token)
    assert token.unlock_request() == after


def test_what_unlocks_another_token_written_into_the_file_opens_nothing(
    token: Token, certificate: bytes, platform: Platform, folder: Path, module: Module
) -> None:
    """Nonce, sealed key and encrypted secret of the thief's own token, in the victim's file."""
    make_token(folder, 1, label="乙公司", so_pin=SO_PIN, user_pin=USER_PIN)
    other = next(each for each in module.tokens() if each.info.serial != token.info.serial)
    equipped(other, platform)
    blocks = []
    for slot, held in ((0, token), (1, other)):
        request, data = held.unlock_request(), token_path(folder, slot).read_bytes()
        assert request is not None
        start = data.index(request.nonce)
        blocks.append((data, start, data.index(request.secret) + len(request.secret)))
    (own, start, end), (foreign, from_, until) = blocks
    swapped = own[:start] + foreign[from_:until] + own[end:-32]
    swapped = swapped[:8] + bytes([swapped[8] ^ 1]) + swapped[9:]
    token_path(folder, 0).write_bytes(swapped + hashlib.sha256(swapped).digest())
    lines = platform.lines(token, certificate)
    with pytest.raises(ValueError, match="not of a Ukey with that key"):
        secret_for(platform.told(token), point_in(certificate))
    refused(token, platform.sign(lines), UnlockProblem.INVALID)  # if it were told all the same


def test_more_key_pairs_than_are_named_leave_the_newest(
    token: Token, certificate: bytes, platform: Platform
) -> None:
    with token.login(USER_PIN) as session:
        spki = [session.generate_key("sm2", "章").public_key for _ in range(33)]
    names = platform.told(token)[32:]
    assert len(names) == 32 * 32
    assert names[-32:] == gm.sm3(point_in(certified(spki[-1])))
    assert gm.sm3(point_in(certificate)) not in names


def test_another_makers_key_leads_to_its_makers_tool(soft_token: Token, platform: Platform) -> None:
    with soft_token.login(USER_PIN) as session:
        session.pin_unlocker(platform.signer.public, platform.recipient.public)
    assert soft_token.unlock_request() is None
    with pytest.raises(UnlockRefused) as caught:
        soft_token.unlock(b"", b"", NEW_PIN)
    assert caught.value.reason is UnlockProblem.VENDOR
