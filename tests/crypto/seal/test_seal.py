"""Seals and seal signatures of three generations, built here with encoders of the test's own."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from crypto.asn1 import der
from crypto.pki.names_and_algorithms import CertificateError
from crypto.seal.making import add_timestamp, make_seal, make_signature
from crypto.seal.structure import Extension, Seal, SealError, SealSignature, is_signature
from tests.world.seal_parts import DIGEST, PICTURE, Parts

CREATED = datetime(2026, 6, 1, 1, 2, 3, tzinfo=UTC)
BEGIN = datetime(2026, 6, 2, tzinfo=UTC)
END = datetime(2029, 6, 2, tzinfo=UTC)
SIGNED_AT = datetime(2026, 11, 23, 9, 30, 15, tzinfo=UTC)
RANGE = "PDF;ByteRange=[0 100 200 300]"


@pytest.fixture(scope="module")
def maker(root) -> SoftKey:
    return root.key_for("制章者", usage=("digitalSignature",))


@pytest.fixture(scope="module")
def holder(root) -> SoftKey:
    return root.key_for("32130000000001")


@pytest.fixture(scope="module")
def seal(maker, holder) -> bytes:
    return make_seal(**seal_values(maker, holder))


def seal_values(maker: SoftKey, holder: SoftKey, **changes: object) -> dict[str, object]:
    values: dict[str, object] = {
        "es_id": "32130000000001",
        "vendor": "SealDesk",
        "seal_type": 4,
        "name": "宿迁市测试单位合同专用章",
        "signer_certificates": [holder.certificate],
        "created": CREATED,
        "valid_from": BEGIN,
        "valid_until": END,
        "picture": PICTURE,
        "width_mm": 40,
        "height_mm": 42,
        "maker": maker,
    }
    return {**values, **changes}


def sign(seal: bytes, key: SoftKey, **changes: object) -> bytes:
    values: dict[str, object] = {
        "seal": seal,
        "digest": DIGEST,
        "property_info": RANGE,
        "signed_at": SIGNED_AT,
        "key": key,
    }
    return make_signature(**{**values, **changes})


# --- the generation we write -------------------------------------------------------------------


def test_a_seal_says_again_what_went_into_it(maker, holder, seal):
    found = Seal.parse(seal)
    assert found.der == seal
    assert (found.generation, found.version, found.vendor) == ("v4", 4, "SealDesk")
    assert (found.es_id, found.seal_type) == ("32130000000001", 4)
    assert found.name == "宿迁市测试单位合同专用章"
    assert found.certificates == (holder.certificate,)
    assert found.certificate_digests == ()
    assert (found.created, found.valid_from, found.valid_until) == (CREATED, BEGIN, END)
    assert (found.picture_type, found.picture) == ("PNG", PICTURE)
    assert (found.width_mm, found.height_mm) == (40, 42)
    assert found.extensions == ()
    assert found.maker_certificate == maker.certificate
    assert found.signature_algorithm == "1.2.156.10197.1.501"
    assert found.timestamp is None
    assert found.signature_valid()
    assert found.allows(holder.certificate)
    assert not found.allows(maker.certificate)


def test_a_signature_says_again_what_went_into_it(holder, seal):
    value = sign(seal, holder, extensions=[Extension("1.2.3", False, b"ticket")])
    found = SealSignature.parse(value + bytes(64), padded=True)
    assert found == SealSignature.parse(value)
    assert found.der == value
    assert found.generation == "v4"
    assert found.seal.der == seal
    assert (found.signed_at, found.digest, found.property_info) == (SIGNED_AT, DIGEST, RANGE)
    assert found.extensions == (Extension("1.2.3", False, b"ticket"),)
    assert found.certificate == holder.certificate
    assert found.signature_valid()
    with pytest.raises(SealError):
        SealSignature.parse(value + b"\x00")


def test_openssl_verifies_both_signatures_over_the_signed_bytes(maker, holder, seal, openssl):
    found = SealSignature.parse(sign(seal, holder))
    assert openssl.sm2_verifies(maker.spki, found.seal.signed, found.seal.signature)
    assert openssl.sm2_verifies(holder.spki, found.signed, found.signature)
    assert not openssl.sm2_verifies(holder.spki, found.seal.signed, found.seal.signature)
    # which bytes those are, by openssl's own walk: the first element inside the whole
    layout = openssl.run("asn1parse", "-inform", "DER", stdin=seal).decode()
    start, header, size = map(int, re.findall(r"^ *(\d+):d=1 +hl=(\d) l= *(\d+)", layout, re.M)[0])
    assert seal[start : start + header + size] == found.seal.signed


def structure(**fields: object) -> type[core.Sequence]:
    """An asn1crypto SEQUENCE of these fields; a (type, options) pair is optional."""
    rows = [
        (name, kind[0], {"optional": True, **kind[1]}) if isinstance(kind, tuple) else (name, kind)
        for name, kind in fields.items()
    ]
    return type("Structure", (core.Sequence,), {"_fields": rows})


def test_asn1crypto_builds_the_same_bytes(maker, holder, seal):
    raw, number, moment = core.OctetString, core.Integer, core.GeneralizedTime
    ia5, oid, bits = core.IA5String, core.ObjectIdentifier, core.OctetBitString
    header = structure(id=ia5, version=number, vid=ia5)
    certificates = type("Certificates", (core.SequenceOf,), {"_child_spec": raw})
    properties = structure(
        type=number,
        name=core.UTF8String,
        list_type=number,
        list=certificates,
        created=moment,
        start=moment,
        end=moment,
    )
    picture = structure(type=ia5, data=raw, width=number, height=number)
    # asn1crypto knows no way to write a default out, so "critical" has none here
    data = structure(id=oid, critical=core.Boolean, value=raw)
    ext = type("ExtensionDatas", (core.SequenceOf,), {"_child_spec": data})
    info_type = structure(
        header=header, es_id=ia5, property=properties, picture=picture, ext=(ext, {})
    )
    seal_type = structure(info=info_type, cert=raw, algorithm=oid, value=bits)
    tbs = structure(
        version=number,
        seal=seal_type,
        time=moment,
        hash=bits,
        property=ia5,
        ext=(ext, {"explicit": 0}),
    )
    signature_type = structure(tbs=tbs, cert=raw, algorithm=oid, value=bits)

    extensions = [Extension("1.2.3.4", False, b"a"), Extension("2.5.29.1", True, b"b")]
    seal = make_seal(**seal_values(maker, holder, extensions=extensions))
    value = sign(seal, holder, extensions=extensions)
    parsed = signature_type.load(value, strict=True)
    datas = [
        {"id": each.kind, "critical": each.critical, "value": each.value} for each in extensions
    ]
    info = {
        "header": {"id": "ES", "version": 4, "vid": "SealDesk"},
        "es_id": "32130000000001",
        "property": {
            "type": 4,
            "name": "宿迁市测试单位合同专用章",
            "list_type": 1,
            "list": [holder.certificate],
            "created": CREATED,
            "start": BEGIN,
            "end": END,
        },
        "picture": {"type": "PNG", "data": PICTURE, "width": 40, "height": 42},
        "ext": datas,
    }
    built_seal = {
        "info": info,
        "cert": maker.certificate,
        "algorithm": "1.2.156.10197.1.501",
        "value": parsed["tbs"]["seal"]["value"].native,
    }
    built = signature_type(
        {
            "tbs": {
                "version": 4,
                "seal": built_seal,
                "time": SIGNED_AT,
                "hash": DIGEST,
                "property": RANGE,
                "ext": datas,
            },
            "cert": holder.certificate,
            "algorithm": "1.2.156.10197.1.501",
            "value": parsed["value"].native,
        }
    )
    assert seal_type(built_seal).dump() == seal
    assert built.dump() == value


def test_a_seal_and_a_signature_are_told_apart(holder, seal):
    assert not is_signature(seal)
    assert is_signature(sign(seal, holder))
    for noise in (b"", b"\x30\x00", der.sequence(der.sequence()), der.integer(1), bytes(20)):
        with pytest.raises(SealError):
            is_signature(noise)


def test_a_time_stamp_is_added_and_replaced_without_touching_what_is_signed(parts, holder, seal):
    value = sign(seal, holder)
    stamped = add_timestamp(add_timestamp(value, b"first token"), b"second token")
    before, after = SealSignature.parse(value), SealSignature.parse(stamped)
    assert after.timestamp == b"second token"
    assert after.signature_valid()
    assert replace(after, der=value, timestamp=None) == before
    assert stamped.endswith(bytes.fromhex("a00f030d00") + b"second token")
    old = replace(parts, version=1, moment=OLD_MOMENT).signature()
    for unfit in (old, seal, b""):
        with pytest.raises(SealError):
            add_timestamp(unfit, b"token")


# --- what the writer refuses -------------------------------------------------------------------


def test_a_seal_whose_maker_signs_with_another_key_is_not_made(maker, holder):
    stranger = SoftKey.generate().with_certificate(maker.certificate)
    with pytest.raises(SealError, match="does not fit"):
        make_seal(**{**seal_values(maker, holder), "maker": stranger})


def test_a_signature_whose_key_is_not_the_certificates_is_not_made(holder, seal):
    stranger = SoftKey.generate().with_certificate(holder.certificate)
    with pytest.raises(SealError, match="does not fit"):
        sign(seal, stranger)


def test_a_key_outside_the_seals_list_cannot_sign_with_it(root, seal):
    with pytest.raises(SealError, match="not in the seal's list"):
        sign(seal, root.key_for("somebody else"))


@pytest.mark.parametrize(
    "changes",
    [
        {"es_id": "三二一三"},
        {"vendor": "印台"},
        {"width_mm": 0},
        {"height_mm": -1},
        {"width_mm": 10_001},
        {"valid_from": END, "valid_until": BEGIN},
        {"created": datetime(2026, 1, 1)},
        {"extensions": [Extension("not an oid", False, b"")]},
    ],
    ids=str,
)
def test_values_that_do_not_fit_the_structure_are_refused(maker, holder, changes):
    with pytest.raises(SealError):
        make_seal(**seal_values(maker, holder, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"digest": b"short"},
        {"property_info": "合同"},
        {"signed_at": datetime(2026, 1, 1)},
        {"seal": b"\x30\x00"},
    ],
    ids=str,
)
def test_values_that_do_not_fit_a_signature_are_refused(holder, seal, changes):
    with pytest.raises(SealError):
        sign(**{"seal": seal, "key": holder, **changes})


# --- seals of every generation, by the test's own encoders -------------------------------------


@pytest.fixture
def parts(maker, holder) -> Parts:
    return Parts(maker, holder)


OLD_MOMENT = der.encode(3, b"\x00", der.encode(0x17, b"261123093015Z"))
GENERATIONS = {
    "v1": {"version": 1, "moment": OLD_MOMENT},
    "v4": {"version": 4},
    "v4 draft of 2019": {"version": 3},
    "v5": {"version": 5},
    "v5 with a time stamp": {
        "version": 5,
        "timestamp": der.encode(0xA0, der.encode(3, b"\x00", b"token")),
    },
}


@pytest.mark.parametrize("changes", GENERATIONS.values(), ids=GENERATIONS)
def test_every_generation_signs_its_own_bytes(changes, parts, openssl):
    parts = replace(parts, **changes)
    found = SealSignature.parse(parts.signature())
    expected = "v1" if parts.version == 1 else "v5" if parts.version == 5 else "v4"
    assert found.generation == found.seal.generation == expected
    assert found.version == found.seal.version == parts.version
    assert found.seal.signature_valid()
    assert found.signature_valid()
    assert found.signed_at == SIGNED_AT
    assert (found.seal.created, found.seal.valid_until) == (CREATED, END)
    assert found.digest == DIGEST
    assert found.timestamp == found.seal.timestamp == (b"token" if parts.timestamp else None)
    info = parts.info()
    if expected == "v1":
        info = der.encode(
            0x30, info, der.encode(4, parts.maker.certificate), der.oid("1.2.156.10197.1.501")
        )
    assert found.seal.signed == info
    assert openssl.sm2_verifies(parts.maker.spki, info, found.seal.signature)


SHAPES = {
    "raw value": {"raw_value": True},
    "OCTET STRING": {"value_tag": 4},
    "raw in an OCTET STRING": {"raw_value": True, "value_tag": 4},
    "non-minimal INTEGERs": {"loose_value": True},
}


@pytest.mark.parametrize(
    ("changes", "deviation"),
    [
        pytest.param(GENERATIONS[generation], SHAPES[shape], id=f"{shape}-{generation}")
        for shape in SHAPES
        for generation in GENERATIONS
    ],
)
def test_signature_values_in_the_shapes_vendors_write_verify(changes, deviation, parts):
    parts = replace(parts, **{**changes, **deviation})
    found = SealSignature.parse(parts.signature())
    assert found.signature_valid()
    assert found.seal.signature_valid()


CRITICAL = {"absent": b"", "FALSE": der.boolean(False), "TRUE": der.boolean(True)}


@pytest.mark.parametrize("critical", CRITICAL.values(), ids=CRITICAL)
@pytest.mark.parametrize("changes", GENERATIONS.values(), ids=GENERATIONS)
@pytest.mark.parametrize("tagging", ["untagged", "[0] EXPLICIT", "[0] IMPLICIT"])
def test_extensions_in_every_tagging_are_read(critical, changes, tagging, parts):
    data = der.sequence(der.oid("1.2.3"), critical, der.octet_string(b"x"))
    other = der.sequence(der.oid("1.2.4"), der.octet_string(b"\x30\x00"))
    encoded = {
        "untagged": der.sequence(data, other),
        "[0] EXPLICIT": der.context(0, der.sequence(data, other)),
        "[0] IMPLICIT": der.context(0, data, other),
    }[tagging]
    parts = replace(parts, extensions=encoded, tbs_extensions=encoded, **changes)
    found = SealSignature.parse(parts.signature())
    expected = (
        Extension("1.2.3", critical == der.boolean(True), b"x"),
        Extension("1.2.4", False, b"\x30\x00"),
    )
    assert found.seal.extensions == expected
    assert found.extensions == (() if parts.version == 1 else expected)
    assert found.signature_valid()
    assert found.seal.signature_valid()


@pytest.mark.parametrize(
    "encoded",
    [der.sequence(), der.context(0, der.sequence())],
    ids=["untagged", "[0]"],
)
def test_no_extensions_at_all_may_be_written_out(encoded, parts):
    found = SealSignature.parse(
        replace(parts, extensions=encoded, tbs_extensions=encoded).signature()
    )
    assert found.extensions == found.seal.extensions == ()


@pytest.mark.parametrize("kind", [b"PNG", b"png", b"GIF", b"ofd", b"svg"])
def test_pictures_of_any_named_type_and_pixel_sizes_are_read(kind, parts):
    picture = parts.picture_of(kind, b"\x00\xfa", b"\x00\xfb")  # 250 x 251 "millimetres"
    found = Seal.parse(replace(parts, picture=picture).seal())
    assert (found.picture_type, found.width_mm, found.height_mm) == (kind.decode(), 250, 251)
    assert found.signature_valid()


def test_several_certificates_and_the_same_one_twice_are_read(parts, maker, holder):
    entries = [der.encode(4, each.certificate) for each in (holder, maker, holder)]
    found = Seal.parse(replace(parts, certificates=entries).seal())
    assert found.certificates == (holder.certificate, maker.certificate, holder.certificate)
    assert found.allows(maker.certificate)


def test_a_list_of_digests_allows_by_digest(parts, holder, maker):
    entry = der.sequence(der.printable("SM3"), der.octet_string(gm.sm3(holder.certificate)))
    found = Seal.parse(replace(parts, certificates=[entry], list_type=der.integer(2)).seal())
    assert found.certificate_digests == (gm.sm3(holder.certificate),)
    assert found.allows(holder.certificate)
    assert not found.allows(maker.certificate)


def test_identifiers_in_the_list_of_an_old_seal_are_passed_over(parts, holder):
    entries = [der.encode(4, holder.certificate), der.ia5("CN=somebody")]
    found = Seal.parse(replace(parts, version=1, certificates=entries).seal())
    assert found.certificates == (holder.certificate,)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (der.bit_string(b"2026-11-23T09:30:15.000Z"), SIGNED_AT),
        (der.octet_string(b"2026-11-23T17:30:15+08:00"), SIGNED_AT),
        (der.octet_string(der.encode(0x17, b"261123093015Z")), SIGNED_AT),
        (der.bit_string(b"2026-11-23T09:30:15"), None),
        (der.bit_string(b"a whole token"), None),
        (der.bit_string(b"0001-01-01T00:00:00+23:59"), None),
        (der.bit_string(der.sequence(der.integer(1))), None),
    ],
    ids=[
        "text",
        "text with zone",
        "UTCTime in bytes",
        "no zone",
        "noise",
        "before year 1",
        "a token",
    ],
)
def test_the_claimed_times_of_old_signatures_are_read_if_they_can_be(parts, moment, expected):
    found = SealSignature.parse(replace(parts, version=1, moment=moment).signature())
    assert found.signed_at == expected
    assert found.signature_valid()


# --- what is no seal ---------------------------------------------------------------------------


def header(identifier: bytes, version: bytes = b"\x04", vendor: bytes = b"V") -> bytes:
    return der.sequence(
        der.encode(0x16, identifier), der.encode(2, version), der.encode(0x16, vendor)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"header": header(b"XX")},
        {"header": header(b"es")},
        {"header": header(b"ES", b"")},
        {"header": header(b"ES", b"\x00\x04")},
        {"header": der.sequence(der.ia5("ES"), der.integer(4))},
        {"header": der.sequence(der.ia5("ES"), der.integer(4), der.ia5("V"), der.null())},
        {"list_type": der.integer(3)},
        {"list_type": der.integer(2)},
        {"certificates": [der.ia5("an identifier")]},
        {"certificates": [der.octet_string(b"x")] * 1001},
        {"times": der.generalized_time(CREATED) * 2},
        {"times": b"".join(map(der.generalized_time, (CREATED, END, BEGIN)))},
        {"picture": Parts.picture_of(b"PNG", b"\x00")},
        {"picture": Parts.picture_of(b"PNG", b"\xff")},
        {"picture": Parts.picture_of(b"PNG", b"\x7f" * 9)},
        {"extensions": der.sequence(der.sequence())},
        {"extensions": der.sequence(*[der.sequence(der.oid("1.2"), der.octet_string(b""))] * 101)},
        {"extensions": der.null()},
        {"timestamp": der.null()},
        {"timestamp": der.context(0) * 2},
        {"value_tag": 0x0C},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_the_structure_does_not_permit_is_refused(parts, changes):
    with pytest.raises(SealError):
        Seal.parse(replace(parts, **changes).seal())


@pytest.mark.parametrize("padding", [b"\x00", bytes(1000)])
def test_bytes_after_a_seal_are_refused(parts, padding):
    with pytest.raises(SealError):
        Seal.parse(parts.seal() + padding)


@pytest.mark.parametrize(
    "raw",
    ["", "30", "30847fffffff", "3080" + "00" * 40, "3082ffff" + "30" * 100, "30820400" + "00" * 8],
)
def test_absurd_lengths_are_refused(raw):
    for parse in (Seal.parse, SealSignature.parse, is_signature):
        with pytest.raises(SealError):
            parse(bytes.fromhex(raw))


def test_a_value_beyond_the_size_limit_is_not_looked_at():
    with pytest.raises(SealError, match="larger"):
        Seal.parse(bytes(16 * 1024 * 1024 + 1))


def test_a_seal_whose_maker_certificate_cannot_be_read_is_not_valid(parts):
    broken = replace(parts, maker=replace(parts.maker, certificate=b"\x30\x00"))
    found = Seal.parse(broken.seal())
    assert not found.signature_valid()
    with pytest.raises(CertificateError):
        _ = found.maker


def test_a_signature_by_a_key_other_than_the_certificates_is_false(parts):
    stranger = replace(SoftKey.generate(), certificate=parts.holder.certificate)
    found = SealSignature.parse(replace(parts, holder=stranger).signature())
    assert not found.signature_valid()
    assert found.seal.signature_valid()


def test_an_algorithm_other_than_the_keys_verifies_nothing(seal):
    found = replace(Seal.parse(seal), signature_algorithm="1.2.840.10045.4.3.2")
    assert not found.signature_valid()


# --- mutations ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def originals(maker, holder) -> list[bytes]:
    """One valid signature value of each generation."""
    return [Parts(maker, holder, **changes).signature() for changes in GENERATIONS.values()]


@given(st.data())
def test_no_mutation_changes_what_is_signed_and_stays_valid(originals, data):
    original = data.draw(st.sampled_from(originals))
    before = SealSignature.parse(original)
    altered = bytearray(original)
    kind = data.draw(st.sampled_from(["flip", "insert", "delete", "copy"]))
    at = data.draw(st.integers(0, len(altered) - 1))
    if kind == "flip":
        altered[at] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "insert":
        altered[at:at] = data.draw(st.binary(min_size=1, max_size=4))
    elif kind == "delete":
        del altered[at : at + data.draw(st.integers(1, 4))]
    else:
        other = data.draw(st.integers(0, len(altered) - 8))
        altered[at : at + 8] = altered[other : other + 8]
    try:
        after = SealSignature.parse(bytes(altered))
    except SealError:
        return
    assert not after.signature_valid() or after.signed == before.signed
    assert not after.seal.signature_valid() or after.seal.signed == before.seal.signed


@given(st.binary(max_size=300))
def test_noise_is_refused_in_so_many_words(noise):
    for parse in (Seal.parse, SealSignature.parse):
        with pytest.raises(SealError):
            parse(noise)


def test_the_halves_of_two_signatures_do_not_combine(maker, holder, seal):
    """The seal of one and the signature of another: each verifies alone, the mixture does not."""
    first = SealSignature.parse(sign(seal, holder))
    other = make_seal(**seal_values(maker, holder, name="另一枚印章"))
    second = SealSignature.parse(sign(other, holder))
    rest = first.der[first.der.index(first.signed) + len(first.signed) :]
    mixed = der.sequence(second.signed, rest)
    found = SealSignature.parse(mixed)
    assert found.seal.signature_valid()
    assert not found.signature_valid()


def test_a_later_validity_cannot_be_slipped_in(seal):
    moved = seal.replace(b"20290602000000Z", b"20390602000000Z")
    assert moved != seal
    assert Seal.parse(moved).valid_until == END.replace(year=2039)
    assert not Seal.parse(moved).signature_valid()
