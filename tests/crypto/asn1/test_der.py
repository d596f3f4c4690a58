"""The DER walk: round trips, what it refuses, and asn1crypto as the second opinion."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from crypto.asn1 import der

moments = st.datetimes(min_value=datetime(1950, 1, 1), max_value=datetime(9998, 12, 31)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
arcs = st.integers(0, 1 << 130)
oids = st.one_of(
    st.tuples(st.integers(0, 1), st.integers(0, 39)), st.tuples(st.just(2), arcs)
).flatmap(lambda head: st.lists(arcs, max_size=2).map(lambda tail: (*head, *tail)))


# --- round trips -------------------------------------------------------------------------------


@given(st.integers(-(1 << 300), 1 << 300))
def test_integers_come_back_and_are_asn1cryptos(value):
    encoded = der.integer(value)
    assert der.integer_value(der.parse(encoded)) == value
    assert encoded == core.Integer(value).dump()


@given(oids)
def test_object_identifiers_come_back_and_are_asn1cryptos(parts):
    dotted = ".".join(map(str, parts))
    encoded = der.oid(dotted)
    assert der.oid_value(der.parse(encoded)) == dotted
    assert encoded == core.ObjectIdentifier(dotted).dump()


@pytest.mark.parametrize("dotted", ["1", "3.1", "0.40", "1.40.5", "2.-1", "1.2.-5", "", "a.b"])
def test_an_object_identifier_that_cannot_exist_is_not_written(dotted):
    with pytest.raises(ValueError, match=r".*"):
        der.oid(dotted)


@given(moments)
def test_times_come_back_in_utc(moment):
    for write in (der.time, der.generalized_time):
        assert der.time_value(der.parse(write(moment))) == moment
    tag = der.UTC_TIME if moment.year < 2050 else der.GENERALIZED_TIME
    assert der.time(moment)[0] == tag


@given(moments, st.integers(-12 * 60, 14 * 60))
def test_a_time_of_another_zone_is_written_and_read_as_utc(moment, minutes):
    zone = timezone(timedelta(minutes=minutes))
    try:
        local = moment.astimezone(zone)
    except OverflowError:
        return
    assert der.generalized_time(local) == der.generalized_time(moment)
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    text = f"{local:%Y%m%d%H%M%S}{sign}{hours:02d}{rest:02d}"
    found = der.time_value(der.parse(der.encode(der.GENERALIZED_TIME, text.encode())))
    assert found == moment


def test_a_naive_time_is_not_written():
    with pytest.raises(ValueError, match="naive"):
        der.generalized_time(datetime(2026, 1, 1))


@given(st.binary(max_size=70_000))
def test_contents_of_any_length_come_back(content):
    encoded = der.octet_string(content)
    assert encoded == core.OctetString(content).dump()
    element = der.parse(encoded)
    assert (element.content, element.raw) == (content, encoded)
    assert der.bit_string_value(der.parse(der.bit_string(content))) == content


@given(st.sets(st.integers(0, 8)))
def test_flags_come_back_and_spare_zero_bits_are_not_written(bits):
    encoded = der.bit_flags(bits)
    assert der.named_bits(der.parse(encoded)) == bits
    if bits:  # X.690 §11.2.2: the last bit written is a one
        assert encoded[-1] >> encoded[2] & 1


@given(st.text())
def test_texts_come_back(text):
    text = text.encode("utf-8", "ignore").decode()
    assert der.text_value(der.parse(der.utf8(text))) == text
    bmp = der.encode(der.BMP, "".join(c for c in text if ord(c) < 0x10000).encode("utf-16-be"))
    assert der.text_value(der.parse(bmp)) == "".join(c for c in text if ord(c) < 0x10000)


@given(st.lists(st.binary(max_size=5), max_size=8))
def test_a_set_of_is_sorted_whatever_the_order(values):
    elements = [der.octet_string(value) for value in values]
    assert der.set_of(*elements) == der.set_of(*reversed(elements))
    found = [child.raw for child in der.parse(der.set_of(*elements)).children(der.SET)]
    assert found == sorted(elements)


trees = st.recursive(
    st.binary(max_size=6).map(der.octet_string),
    lambda inner: st.lists(inner, max_size=4).map(lambda parts: der.sequence(*parts)),
    max_leaves=20,
)


def rebuild(element: der.Tlv) -> bytes:
    if element.tag & 0x20:
        return der.encode(element.tag, *(rebuild(child) for child in element.children()))
    return der.encode(element.tag, element.content)


@given(trees)
def test_a_walked_tree_is_the_tree_that_was_written(tree):
    assert rebuild(der.parse(tree)) == tree


@given(trees, st.data())
def test_an_altered_tree_raises_nothing_but_its_own_error(tree, data):
    altered = bytearray(tree)
    for _ in range(data.draw(st.integers(1, 3))):
        altered[data.draw(st.integers(0, len(tree) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(der.DerError):
        assert rebuild(der.parse(bytes(altered))) == altered


@given(st.binary(max_size=60), st.integers(0, 255))
def test_no_bytes_make_the_typed_readers_raise_anything_else(noise, tag):
    element = der.parse(der.encode(tag & ~0x1F | tag % 31, noise))
    for read in (
        der.integer_value,
        der.oid_value,
        der.bit_string_value,
        der.named_bits,
        der.text_value,
        der.time_value,
    ):
        try:
            read(element)
        except der.DerError:
            continue


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "30",
        "3003",
        "300201",
        "3080020101" + "0000",
        "24800401410000",
        "308103020101",
        "30820003020101",
        "3084000000030201" + "01",
        "308500000000030201" + "01",
        "30fe",
        "30ff",
        "3082",
        "1f2101",
        "3f8101020101",
        "3003020101" + "00",
        "30020201",
    ],
    ids=[
        "empty",
        "no length",
        "shorter than said",
        "cut off inside",
        "indefinite length",
        "constructed string",
        "long form for a short length",
        "leading zero in the length",
        "four bytes for a short length",
        "five bytes of length",
        "126 bytes of length",
        "reserved length",
        "cut off in the length",
        "high tag number",
        "high tag number, constructed",
        "bytes after the value",
        "child longer than its parent",
    ],
)
def test_what_der_forbids_is_refused(payload):
    with pytest.raises(der.DerError):
        rebuild(der.parse(bytes.fromhex(payload)))


def test_bytes_after_the_value_pass_only_where_padding_is_expected():
    padded = der.integer(7) + bytes(40)
    assert der.parse(padded, trailing=True).raw == der.integer(7)
    with pytest.raises(der.DerError):
        der.parse(padded)


@pytest.mark.parametrize("content", ["", "007f", "0000", "ff80", "ffff"])
def test_integers_that_are_not_minimal_are_refused(content):
    with pytest.raises(der.DerError):
        der.integer_value(der.parse(der.encode(der.INTEGER, bytes.fromhex(content))))


@pytest.mark.parametrize("content", ["", "80", "2a80", "2a8001", "8001", "2a" + "81" * 70 + "01"])
def test_object_identifiers_cut_off_padded_or_endless_are_refused(content):
    with pytest.raises(der.DerError):
        der.oid_value(der.parse(der.encode(der.OID, bytes.fromhex(content))))


@pytest.mark.parametrize("content", ["", "01ff", "0741"])
def test_a_bit_string_with_unused_bits_is_no_octet_value(content):
    with pytest.raises(der.DerError):
        der.bit_string_value(der.parse(der.encode(der.BIT_STRING, bytes.fromhex(content))))


def test_nesting_is_bounded():
    def nest(levels: int) -> bytes:
        value = der.integer(1)
        for _ in range(levels):
            value = der.sequence(value)
        return value

    assert rebuild(der.parse(nest(der.MAX_DEPTH))) == nest(der.MAX_DEPTH)
    with pytest.raises(der.DerError, match="deep"):
        rebuild(der.parse(nest(der.MAX_DEPTH + 1)))
    with pytest.raises(der.DerError, match="deep"):
        rebuild(der.parse(nest(5000)))


def test_the_number_of_elements_is_bounded():
    bomb = der.sequence(der.null() * (der.MAX_ELEMENTS + 1))
    with pytest.raises(der.DerError, match="too many"):
        list(der.parse(bomb).children())


def test_walking_the_same_element_again_and_again_spends_the_same_budget():
    element = der.parse(der.sequence(der.sequence(der.null() * 1000)))

    def walk_again_and_again() -> None:
        for _ in range(der.MAX_ELEMENTS // 1000 + 1):
            list(element.children().next().children())

    with pytest.raises(der.DerError, match="too many"):
        walk_again_and_again()


@pytest.mark.parametrize(
    ("tag", "text", "expected"),
    [
        (der.UTC_TIME, "261123080000Z", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        (der.UTC_TIME, "2611230800Z", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        (der.UTC_TIME, "261123080000+0800", datetime(2026, 11, 23, tzinfo=UTC)),
        (der.UTC_TIME, "491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der.UTC_TIME, "500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (der.GENERALIZED_TIME, "20261123080000Z", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        (der.GENERALIZED_TIME, "20261123080000", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        (der.GENERALIZED_TIME, "20261123080000.5Z", datetime(2026, 11, 23, 8, 0, 0, 500_000, UTC)),
        (
            der.GENERALIZED_TIME,
            "20261123080000.1234567Z",
            datetime(2026, 11, 23, 8, 0, 0, 123456, UTC),
        ),
        (der.GENERALIZED_TIME, "20261123080000-0330", datetime(2026, 11, 23, 11, 30, tzinfo=UTC)),
    ],
)
def test_the_forms_of_time_that_are_met_are_read(tag, text, expected):
    assert der.time_value(der.parse(der.encode(tag, text.encode()))) == expected


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (der.UTC_TIME, "261123080000"),
        (der.UTC_TIME, "20261123080000Z"),
        (der.UTC_TIME, "261323080000Z"),
        (der.GENERALIZED_TIME, ""),
        (der.GENERALIZED_TIME, "Z"),
        (der.GENERALIZED_TIME, "20260230000000Z"),
        (der.GENERALIZED_TIME, "20261123250000Z"),
        (der.GENERALIZED_TIME, "20261123080060Z"),
        (der.GENERALIZED_TIME, "2026112308 000Z"),
        (der.GENERALIZED_TIME, "20261123080000.xZ"),
        (der.GENERALIZED_TIME, "20261123080000+9900"),
        (der.GENERALIZED_TIME, "20261123080000+ 1 2"),
        (der.GENERALIZED_TIME, "20261123080000+0060"),
        (der.GENERALIZED_TIME, "20261123080000++1+1"),
        (der.GENERALIZED_TIME, "-0261123080000Z"),
        (der.GENERALIZED_TIME, "00001123080000Z"),
        (der.GENERALIZED_TIME, "00010101000000+0800"),
        (der.GENERALIZED_TIME, "99991231235959-0800"),
        (der.GENERALIZED_TIME, "２０２６１１２３０８００００Z"),
    ],
)
def test_what_is_no_time_is_refused(tag, text):
    with pytest.raises(der.DerError, match="not a time"):
        der.time_value(der.parse(der.encode(tag, text.encode())))


@pytest.mark.parametrize(
    ("tag", "payload", "text"),
    [
        (der.PRINTABLE, "中文".encode("gb18030"), "中文"),
        (der.PRINTABLE, "中文".encode(), "中文"),
        (der.UTF8, "公司".encode("gb18030"), "公司"),
        (der.T61, b"M\xfcller", "Müller"),
        (der.BMP, "印章".encode("utf-16-be"), "印章"),
        (der.BMP, b"odd", "odd"),
        (der.UTF8, b"\xff\xfe\xfd", "ÿþý"),
    ],
)
def test_a_text_in_the_wrong_bytes_is_still_shown(tag, payload, text):
    assert der.text_value(der.parse(der.encode(tag, payload))) == text


# --- the walk ----------------------------------------------------------------------------------


def test_a_reader_says_what_it_missed():
    fields = der.parse(der.sequence(der.integer(4), der.utf8("ES"))).children()
    with pytest.raises(der.DerError, match="expected tag 06, found 02"):
        fields.oid()
    assert fields.integer() == 4
    assert fields.optional(der.INTEGER) is None
    with pytest.raises(der.DerError, match="unexpected"):
        fields.finish()
    assert fields.text() == "ES"
    fields.finish()
    with pytest.raises(der.DerError, match="missing"):
        fields.next()


def test_a_primitive_value_has_no_children():
    with pytest.raises(der.DerError, match="holds no elements"):
        der.parse(der.integer(1)).children()
    with pytest.raises(der.DerError, match="expected tag 31"):
        der.parse(der.sequence()).children(der.SET)


def test_the_slice_of_an_inner_element_is_what_was_found():
    inner = bytes.fromhex("01010a")  # a BOOLEAN whose true is not FF: read, and never re-encoded
    fields = der.parse(der.sequence(der.null(), inner)).children()
    fields.next()
    assert fields.rest == inner
    assert fields.peek() == der.BOOLEAN
    assert fields.boolean() is True
    assert fields.peek() is None
    assert der.boolean(True) == bytes.fromhex("0101ff")
    with pytest.raises(der.DerError):
        der.parse(der.sequence(der.encode(der.BOOLEAN, b"\0\0"))).children().boolean()
