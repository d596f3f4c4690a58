"""SM2, SM3 and SM4 against the standards' vectors, the openssl command and each other."""

import copy
import gc
import pickle
import secrets
import ssl
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.algorithms import gm, gm_libcrypto
from crypto.algorithms.gm_libcrypto import LibcryptoEngine
from crypto.algorithms.gm_portable import PortableEngine
from crypto.algorithms.keys import SoftKey, sm2_spki
from crypto.asn1 import der
from tests.world.seal_parts import small_signature

ENGINES = (LibcryptoEngine(), PortableEngine())

# GB/T 32918.5-2017 Annex A (signature) and C (encryption)
PRIVATE = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
PUBLIC = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
E = bytes.fromhex("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640")
R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA
CIPHER = bytes.fromhex(
    "307C022004EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
    "022100E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
    "042059983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
    "041321886CA989CA9C7D58087307CA93092D651EFA"
)


@pytest.fixture(params=ENGINES, ids=["libcrypto", "portable"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> gm.Engine:
    """crypto.algorithms.gm with one of its two engines."""
    monkeypatch.setattr(gm, "_engine", request.param)
    return request.param


AWKWARD = {
    name: SoftKey.load(scalar.to_bytes(32, "big"))
    for name, scalar in {
        "x begins 00": 327,
        "x begins 04": 11,
        "x begins 0": 6,
        "x begins 4": 65,
        "y begins 00": 107,
    }.items()
}
"""The first keys whose public key X‖Y is so."""


# --- vectors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_sm3_computes_the_vectors_of_gbt_32905(message, digest):
    assert gm.sm3(message).hex() == digest
    for hasher in (gm.sm3_hasher(), gm._CryptographySm3()):
        for byte in message:
            hasher.update(memoryview(bytes((byte,))))
        assert hasher.digest().hex() == digest
        assert hasher.digest().hex() == digest


def test_sm3_agrees_with_openssl_around_block_edges(openssl):
    for size in (0, 55, 56, 63, 64, 65, 119, 120, 128, 1000):
        message = bytes(range(256)) * 4
        message = message[:size]
        assert openssl.run("dgst", "-sm3", "-binary", stdin=message) == gm.sm3(message)


def test_z_and_e_are_those_of_gbt_32918_annex_a():
    assert gm.sm2_e(PUBLIC, b"message digest") == E
    z = bytes.fromhex("B2E14C5C79C6DF5B85F4FE7ED8DB7A262B9DA7E07CCB0EA9F4747B8CCDA8A4F3")
    assert gm.sm3(z + b"message digest") == E


def test_the_signature_of_annex_a_verifies_and_nothing_near_it(engine):
    assert gm.public_key_of(PRIVATE) == PUBLIC
    signature = gm.signature_der(R, S)
    assert gm.sm2_verify(PUBLIC, b"message digest", signature)
    assert gm.sm2_verify(PUBLIC, b"message digest", R.to_bytes(32, "big") + S.to_bytes(32, "big"))
    assert not gm.sm2_verify(PUBLIC, b"message digesu", signature)
    assert not gm.sm2_verify(PUBLIC, b"message digest", gm.signature_der(R ^ 1, S))
    assert not gm.sm2_verify(PUBLIC, b"message digest", gm.signature_der(R, S ^ 1))
    assert not gm.sm2_verify(PUBLIC, b"message digest", signature, user_id=b"other")
    # unlike ECDSA, SM2 must not accept the mirrored s
    assert not gm.sm2_verify(PUBLIC, b"message digest", gm.signature_der(R, gm.N - S))


def test_the_ciphertext_of_annex_c_decrypts(engine):
    assert gm.sm2_decrypt(PRIVATE, CIPHER) == b"encryption standard"


def test_sm4_computes_the_vector_of_gbt_32907():
    key = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    one_block = gm.sm4_cbc_encrypt(key, bytes(16), key)[:16]  # IV 0: the first block is ECB's
    assert one_block.hex() == "681edf34d206965e86b3e94f536e4246"


def test_sm4_gcm_computes_the_vector_of_rfc_8998():
    key = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    nonce = bytes.fromhex("00001234567800000000ABCD")
    aad = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
    plain = b"".join(bytes((byte,)) * 8 for byte in b"\xaa\xbb\xcc\xdd\xee\xff\xee\xaa")
    sealed = gm.sm4_gcm_encrypt(key, nonce, plain, aad)
    assert sealed.hex() == (
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
        "83de3541e4c2b58177e065a9bf7b62ec"
    )
    assert gm.sm4_gcm_decrypt(key, nonce, sealed, aad) == plain


# --- both engines, and openssl -----------------------------------------------------------------


def test_awkward_keys_are_so() -> None:
    x = {name: key.public[0] for name, key in AWKWARD.items()}
    assert (x["x begins 00"], x["x begins 04"], x["x begins 4"] >> 4) == (0, 4, 4)
    assert 0 < x["x begins 0"] < 16
    assert x["x begins 0"] != 4
    assert AWKWARD["y begins 00"].public[32] == 0


@pytest.mark.parametrize("key", AWKWARD.values(), ids=AWKWARD)
def test_openssl_and_both_engines_accept_each_others_signatures(key, openssl):
    message = "合同".encode() * 40
    e = gm.sm2_e(key.public, message)
    made = [openssl.sm2_signs(key, message), *(one.sign(key.private, e) for one in ENGINES)]
    for signature in made:
        assert openssl.sm2_verifies(key.spki, message, signature)
        for one in ENGINES:
            assert one.verify(key.public, e, signature)
            assert not one.verify(key.public, gm.sm3(e), signature)


@pytest.mark.parametrize("key", AWKWARD.values(), ids=AWKWARD)
def test_openssl_decrypts_what_we_encrypt_and_the_other_way_round(key, openssl, engine):
    private = openssl.sm2_private(key)
    ours = gm.sm2_encrypt(key.public, b"sixteen bytes!!")
    decrypt = ("pkeyutl", "-decrypt", "-keyform", "DER", "-inkey", private)
    assert openssl.run(*decrypt, stdin=ours) == b"sixteen bytes!!"
    encrypt = ("pkeyutl", "-encrypt", "-keyform", "DER", "-pubin", "-inkey")
    theirs = openssl.run(*encrypt, openssl.file(key.spki), stdin=b"a key to wrap")
    assert gm.sm2_decrypt(key.private, theirs) == b"a key to wrap"


scalars = st.integers(1, gm.N - 2).map(lambda number: number.to_bytes(32, "big"))


@given(scalars, scalars)
def test_the_engines_multiply_alike(scalar, other):
    native, portable = ENGINES
    point = native.multiply(other, None)
    assert portable.multiply(other, None) == point
    assert native.multiply(scalar, point) == portable.multiply(scalar, point)
    assert native.on_curve(point)
    assert portable.on_curve(point)


@given(scalars, st.binary(max_size=200), st.binary(max_size=40))
def test_a_signature_made_by_one_engine_verifies_under_the_other(private, message, user_id):
    native, portable = ENGINES
    public = native.multiply(private, None)
    e = gm.sm2_e(public, message, user_id)
    for maker, judge in ((native, portable), (portable, native)):
        signature = maker.sign(private, e)
        assert signature == gm.signature_der(*gm.signature_values(signature))
        assert judge.verify(public, e, signature)


@given(st.binary(min_size=64, max_size=64), st.binary(min_size=32, max_size=32))
def test_the_engines_judge_random_points_and_values_alike(xy, e):
    native, portable = ENGINES
    assert native.on_curve(xy) == portable.on_curve(xy)
    signature = gm.signature_der(
        int.from_bytes(xy[:32], "big") % (gm.N - 1) + 1, int.from_bytes(xy[32:], "big") % 999 + 1
    )
    assert not native.verify(PUBLIC, e, signature)
    assert not portable.verify(PUBLIC, e, signature)


def test_openssl_keeps_no_error_that_tls_in_this_thread_would_take_for_its_own():
    """OpenSSL 3.0.13 kept one after each signature: the next context for TLS was refused."""
    library = gm_libcrypto._load()
    private = gm.generate_private_key()
    public = gm.public_key_of(private)
    assert not gm.is_public_key(bytes(64))
    signature = gm.sm2_sign(private, b"")
    assert library.ERR_peek_error() == 0
    assert gm.sm2_verify(public, b"", signature)
    assert not gm.sm2_verify(public, b"other", signature)
    assert gm.sm2_decrypt(private, gm.sm2_encrypt(public, b"text")) == b"text"
    assert library.ERR_peek_error() == 0
    gm.sm2_sign(private, b"")
    ssl.create_default_context()


def test_nonces_never_repeat(engine):
    signer = gm.sm2_signer(PRIVATE)
    made = {gm.sm2_sign_e(PRIVATE, E) for _ in range(40)} | {signer(E) for _ in range(40)}
    assert len(made) == 80


def test_a_key_that_is_read_once_signs_as_one_that_is_read_each_time(engine):
    signer = gm.sm2_signer(PRIVATE)
    for number in range(3):
        e = gm.sm3(bytes([number]))
        assert gm.sm2_verify_e(PUBLIC, e, signer(e))
        assert not gm.sm2_verify_e(PUBLIC, E, signer(e))
    for private in (bytes(32), bytes(31), b"\xff" * 32):
        with pytest.raises(gm.GmError):
            gm.sm2_signer(private)


def test_many_threads_sign_with_one_key():
    signer = gm.sm2_signer(PRIVATE)
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(lambda _: signer(E), range(200)))
    assert len(made) == 200
    assert all(gm.sm2_verify_e(PUBLIC, E, each) for each in made)


def test_libcrypto_wipes_a_private_key_when_its_signer_is_gone(monkeypatch):
    engine, freed = LibcryptoEngine(), []
    free = engine._destructor("d2i_AutoPrivateKey")
    monkeypatch.setattr(
        engine, "_destructor", lambda name: freed.append if "Auto" in name else free
    )
    signer = engine.signer(PRIVATE)
    assert freed == []
    del signer
    gc.collect()
    assert len(freed) == 1
    free(freed[0])


def test_a_copy_of_a_key_in_memory_has_nothing_of_libcrypto():
    key = SoftKey.load(PRIVATE)
    made = key.sign(b"text")
    for other in (copy.copy(key), copy.deepcopy(key), pickle.loads(pickle.dumps(key))):  # noqa: S301
        assert other == key
        assert set(vars(other)) == {"private", "public", "certificate"}
        for signature in (made, other.sign(b"text")):
            assert gm.sm2_verify(key.public, b"text", signature)


@pytest.mark.parametrize("one", ENGINES, ids=["libcrypto", "portable"])
def test_an_engine_that_computes_wrongly_is_refused(one, monkeypatch):
    gm.self_test(one)
    monkeypatch.setattr(one, "verify", lambda public, e, signature: True)
    with pytest.raises(RuntimeError, match="fails the standard's vectors"):
        gm.self_test(one)


# --- signature values as they are met ----------------------------------------------------------


def test_integers_with_spare_or_missing_zeros_are_read_and_written_minimally():
    small, large = 0x79 << 240, gm.N - 5  # 31 bytes; 32 bytes with the top bit set
    shapes = (small.to_bytes(31, "big"), small.to_bytes(32, "big"), small.to_bytes(40, "big"))
    for first in shapes:
        for second in (large.to_bytes(32, "big"), large.to_bytes(33, "big")):
            encoded = der.sequence(der.encode(2, first), der.encode(2, second))
            assert gm.signature_values(encoded) == (small, large)
    assert gm.signature_der(small, large).hex() == (
        "30" + "44" + "021f" + "79" + "00" * 30 + "022100" + f"{large:064x}"
    )


def test_a_signature_with_a_non_minimal_integer_verifies(engine):
    key = AWKWARD["x begins 00"]
    e = secrets.token_bytes(32)
    r, s = small_signature(key.private, e)
    loose = der.sequence(*(der.encode(2, value.to_bytes(32, "big")) for value in (r, s)))
    assert loose != gm.signature_der(r, s)
    assert gm.sm2_verify_e(key.public, e, loose)


def test_raw_signatures_that_look_like_der_are_still_read_as_raw():
    """One raw value in 65,536 begins with the bytes of a SEQUENCE of length 62."""
    raw = b"\x30\x3e" + bytes(range(1, 63))
    assert gm.signature_values(raw) == (
        int.from_bytes(raw[:32], "big"),
        int.from_bytes(raw[32:], "big"),
    )


def test_a_der_signature_of_64_bytes_is_read_as_der():
    short = gm.signature_der(1 << 228, 1 << 228)
    assert len(short) == 64
    assert gm.signature_values(short) == (1 << 228, 1 << 228)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x30\x00",
        bytes(64),
        gm.N.to_bytes(32, "big") + bytes(31) + b"\x01",
        bytes(31) + b"\x01" + gm.N.to_bytes(32, "big"),
        der.sequence(der.integer(0), der.integer(1)),
        der.sequence(der.integer(1), der.integer(gm.N)),
        der.sequence(der.integer(1)),
        der.sequence(der.integer(1), der.integer(1), der.integer(1)),
        der.sequence(der.integer(1), der.integer(1)) + b"\x00",
        der.sequence(der.encode(2), der.integer(1)),
        der.sequence(der.encode(2, b"\x01" + bytes(39) + b"\x01"), der.integer(1)),
        der.sequence(der.encode(2, b"\x01" * 9 + bytes(39) + b"\x05"), der.integer(1)),
        der.sequence(der.octet_string(b"\x01"), der.integer(1)),
        bytes(63),
        bytes(65),
    ],
)
def test_values_out_of_range_or_shape_are_refused(value, engine):
    with pytest.raises(gm.GmError):
        gm.signature_values(value)
    assert gm.sm2_verify(PUBLIC, b"m", value) is False


@given(st.binary(max_size=80))
def test_no_bytes_at_all_make_verification_raise_or_succeed(noise):
    assert gm.sm2_verify(PUBLIC, b"message digest", noise) is False


@given(st.integers(0, 69), st.integers(1, 255))
def test_a_changed_byte_of_a_signature_never_verifies(index, difference):
    signature = bytearray(gm.signature_der(R, S))
    signature[index % len(signature)] ^= difference
    assert not gm.sm2_verify(PUBLIC, b"message digest", bytes(signature))


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (gm.N, 1), (1, gm.N), (-1, 1), (1, 1 << 300)])
def test_values_out_of_range_are_never_written(r, s):
    with pytest.raises(gm.GmError):
        gm.signature_der(r, s)


def test_r_plus_s_equal_to_n_is_refused(engine):
    """t = (r + s) mod n = 0 must be refused (GB/T 32918.2 §7.1 B5)."""
    assert not gm.sm2_verify_e(PUBLIC, E, gm.signature_der(R, gm.N - R))


# --- keys --------------------------------------------------------------------------------------

OFF_CURVE = PUBLIC[:63] + b"\x14"


@pytest.mark.parametrize(
    "point",
    [OFF_CURVE, bytes(64), b"\xff" * 64, PUBLIC[:63], PUBLIC + b"\x00", b"", b"\x04" + PUBLIC],
    ids=["off the curve", "zero", "beyond p", "short", "long", "empty", "with prefix"],
)
def test_points_that_are_no_public_key_are_refused(point, engine):
    assert not gm.is_public_key(point)
    assert not gm.sm2_verify(point, b"m", gm.signature_der(R, S))
    assert not gm.sm2_verify_e(point, E, gm.signature_der(R, S))
    with pytest.raises(gm.GmError):
        gm.sm2_encrypt(point, b"secret")


def test_a_coordinate_is_not_reduced_modulo_p(engine):
    """X + p names the same point for careless code; it has more than one encoding then."""
    x = search_x_below(1 << 32)
    aliased = (x[0] + gm.P).to_bytes(32, "big") + x[1].to_bytes(32, "big")
    assert gm.is_public_key(x[0].to_bytes(32, "big") + x[1].to_bytes(32, "big"))
    assert not gm.is_public_key(aliased)


def search_x_below(limit: int) -> tuple[int, int]:
    """A point with a tiny X, so that X + p still fits into 32 bytes."""
    b = int.from_bytes(gm._CURVE[32:64], "big")
    for x in range(1, limit):
        square = (x**3 - 3 * x + b) % gm.P
        y = pow(square, (gm.P + 1) // 4, gm.P)
        if y * y % gm.P == square:
            return x, y
    raise AssertionError


@pytest.mark.parametrize(
    "private",
    [
        b"",
        bytes(32),
        gm.N.to_bytes(32, "big"),
        (gm.N - 1).to_bytes(32, "big"),
        bytes(31),
        b"\x01" * 33,
    ],
)
def test_private_keys_out_of_range_are_refused(private, engine):
    for operation in (
        lambda: gm.public_key_of(private),
        lambda: gm.sm2_sign(private, b"m"),
        lambda: gm.sm2_sign_e(private, E),
        lambda: gm.sm2_decrypt(private, CIPHER),
    ):
        with pytest.raises(gm.GmError):
            operation()


def test_the_largest_and_smallest_private_keys_work(engine):
    for number in (1, gm.N - 2):
        private = number.to_bytes(32, "big")
        public = gm.public_key_of(private)
        assert gm.sm2_verify(public, b"m", gm.sm2_sign(private, b"m"))


def test_an_e_of_another_size_is_refused(engine):
    for e in (b"", E[:31], E + b"\x00"):
        with pytest.raises(gm.GmError):
            gm.sm2_sign_e(PRIVATE, e)
        assert not gm.sm2_verify_e(PUBLIC, e, gm.signature_der(R, S))


def test_a_user_id_too_long_for_its_length_field_is_refused():
    assert len(gm.sm2_e(PUBLIC, b"m", bytes(8191))) == 32
    with pytest.raises(gm.GmError):
        gm.sm2_e(PUBLIC, b"m", bytes(8192))


def test_a_soft_key_does_not_show_its_private_half():
    key = SoftKey.generate()
    assert key.private.hex() not in repr(key)
    assert repr(key.private) not in repr(key)
    assert key.spki == sm2_spki(key.public)


# --- encryption --------------------------------------------------------------------------------


@given(scalars, st.binary(min_size=1, max_size=200))
def test_encryption_returns_what_was_put_in(private, plaintext):
    cipher = gm.sm2_encrypt(gm.public_key_of(private), plaintext)
    assert gm.sm2_decrypt(private, cipher) == plaintext


@pytest.mark.parametrize("key", AWKWARD.values(), ids=AWKWARD)
def test_a_short_coordinate_in_the_ciphertext_is_padded_back(key, monkeypatch, openssl):
    """The ephemeral point begins with 00: INTEGER drops it, decryption must restore it."""
    monkeypatch.setattr(gm, "generate_private_key", lambda: key.private)
    cipher = gm.sm2_encrypt(PUBLIC, b"wrapped")
    monkeypatch.undo()
    assert gm.sm2_decrypt(PRIVATE, cipher) == b"wrapped"
    private = openssl.sm2_private(SoftKey.load(PRIVATE))
    decrypt = ("pkeyutl", "-decrypt", "-keyform", "DER", "-inkey", private)
    assert openssl.run(*decrypt, stdin=cipher) == b"wrapped"


def test_every_truncated_or_altered_ciphertext_is_refused(engine):
    for size in range(0, len(CIPHER), 3):
        with pytest.raises(gm.GmError):
            gm.sm2_decrypt(PRIVATE, CIPHER[:size])
    for index in range(0, len(CIPHER), 5):
        altered = bytearray(CIPHER)
        altered[index] ^= 0x21
        with pytest.raises(gm.GmError):
            gm.sm2_decrypt(PRIVATE, bytes(altered))
    with pytest.raises(gm.GmError):
        gm.sm2_decrypt(PRIVATE, CIPHER + b"\x00")


def test_a_ciphertext_with_a_point_off_the_curve_is_refused(engine):
    """The invalid-curve attack: small subgroups would leak the private key."""
    parts = (der.octet_string(bytes(32)), der.octet_string(b"x"))
    for x, y in ((0, 0), (1, 1), (-1, 5), (1 << 300, 1), (gm.P, 0)):
        with pytest.raises(gm.GmError):
            gm.sm2_decrypt(PRIVATE, der.sequence(der.integer(x), der.integer(y), *parts))


def test_nothing_is_not_encrypted():
    with pytest.raises(gm.GmError):
        gm.sm2_encrypt(PUBLIC, b"")


keys16 = st.binary(min_size=16, max_size=16)


@given(keys16, st.binary(min_size=12, max_size=12), st.binary(max_size=100), st.data())
def test_an_altered_gcm_ciphertext_is_refused(key, nonce, plain, data):
    sealed = bytearray(gm.sm4_gcm_encrypt(key, nonce, plain, b"aad"))
    assert gm.sm4_gcm_decrypt(key, nonce, bytes(sealed), b"aad") == plain
    with pytest.raises(gm.GmError):
        gm.sm4_gcm_decrypt(key, nonce, bytes(sealed), b"AAD")
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1
    with pytest.raises(gm.GmError):
        gm.sm4_gcm_decrypt(key, nonce, bytes(sealed), b"aad")


@given(keys16, keys16, st.binary(max_size=100))
def test_cbc_returns_what_was_put_in(key, iv, plain):
    sealed = gm.sm4_cbc_encrypt(key, iv, plain)
    assert len(sealed) == (len(plain) // 16 + 1) * 16
    assert gm.sm4_cbc_decrypt(key, iv, sealed) == plain


def test_cbc_is_openssls(openssl):
    key, iv, plain = bytes(range(16)), bytes(range(16, 32)), b"a private key in a foreign file"
    options = ("enc", "-sm4-cbc", "-K", key.hex(), "-iv", iv.hex())
    assert openssl.run(*options, stdin=plain) == gm.sm4_cbc_encrypt(key, iv, plain)


def test_keys_nonces_and_lengths_of_sm4_are_checked():
    good, nonce = bytes(16), bytes(12)
    for call in (
        lambda: gm.sm4_gcm_encrypt(good[:15], nonce, b""),
        lambda: gm.sm4_gcm_encrypt(good, nonce + b"\0", b""),
        lambda: gm.sm4_gcm_decrypt(good, nonce, bytes(15)),
        lambda: gm.sm4_cbc_encrypt(good, nonce, b""),
        lambda: gm.sm4_cbc_decrypt(good, good, b""),
        lambda: gm.sm4_cbc_decrypt(good, good, bytes(17)),
        lambda: gm.sm4_cbc_decrypt(good, good, bytes(16)),
    ):
        with pytest.raises(gm.GmError):
            call()


# --- memory ------------------------------------------------------------------------------------


def resident() -> int:
    """Bytes of memory this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ten_thousand_operations_do_not_grow_the_process():
    engine = ENGINES[0]
    signature = gm.signature_der(R, S)

    def operations() -> Iterator[object]:
        yield engine.sign(PRIVATE, E)
        yield engine.verify(PUBLIC, E, signature)
        yield engine.on_curve(PUBLIC)
        yield engine.verify(PUBLIC, E, b"\x30\x00")
        yield engine.multiply(PRIVATE, PUBLIC)
        yield engine.on_curve(OFF_CURVE)
        for refused in (
            lambda: engine.verify(OFF_CURVE, E, signature),
            lambda: engine.multiply(PRIVATE, OFF_CURVE),
            lambda: engine.sign(bytes(32), E),
            lambda: engine.multiply(bytes(32), None),
        ):
            try:
                yield refused()
            except ValueError:
                yield None

    def rounds(count: int) -> None:
        for _ in range(count):
            for _result in operations():
                pass

    rounds(20)
    before = resident()
    rounds(1000)
    assert resident() - before < 2 * 1024 * 1024
