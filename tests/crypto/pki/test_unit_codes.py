"""Check digits, on real published codes and on every single slip of one."""

import pytest

from crypto.pki.unit_codes import (
    CodeError,
    check_character,
    check_citizen_number,
    check_credit_code,
    organisation_check_character,
)
from server_stub.neighbours.regions import REGIONS, region_of

REAL = [
    "11370306MB2867521U",  # 淄博市周村区自然资源局
    "11320500014150050B",  # 苏州市民政局
    "12100000000018032A",
    "91370100724250187M",
]


@pytest.mark.parametrize("code", REAL)
def test_real_codes_pass_and_both_check_digits_agree(code: str) -> None:
    assert check_credit_code(code) == code
    assert check_character(code[:17]) == code[17]
    assert organisation_check_character(code[8:16]) == code[16]


@pytest.mark.parametrize("code", REAL)
def test_every_single_wrong_character_is_caught(code: str) -> None:
    for place, right in enumerate(code):
        for wrong in "0123456789ABCDEFGHJKLMNPQRTUWXY":
            if wrong != right:
                with pytest.raises(CodeError):
                    check_credit_code(code[:place] + wrong + code[place + 1 :])


@pytest.mark.parametrize(
    "code",
    ["", "91370100724250187", "91370100724250187m", "９1370100724250187M", "9137 100724250187M"],
)
def test_what_is_no_code_is_refused(code: str) -> None:
    with pytest.raises(CodeError):
        check_credit_code(code)


def test_the_region_is_read_from_the_code() -> None:
    assert region_of("91370100724250187M") == "370100"
    assert REGIONS["321302"] == "宿城区"
    assert "321321" not in REGIONS  # 宿豫县, abolished in 2004


def test_citizen_numbers_check_date_and_check_character() -> None:
    # the worked example of GB 11643-1999, appendix
    assert check_citizen_number("11010519491231002X") == "11010519491231002X"
    assert check_citizen_number("440524188001010014") == "440524188001010014"
    for wrong in (
        "110105194912310021",
        "11010519491331002X",
        "11010519491231002x",
        "110105194912310",
        "99010519491231002X",
        "",
    ):
        with pytest.raises(CodeError) as refusal:
            check_citizen_number(wrong)
        assert wrong == "" or wrong not in str(refusal.value)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("9137010072425018", "length"),
        ("91370100724250187MM", "length"),
        ("91370100724250187O", "characters"),
        ("91370100724250187m", "characters"),
        ("81370100724250187M", "authority"),
        ("91990100724250187M", "region"),
        ("91370100724250187N", "check"),
    ],
)
def test_what_is_wrong_with_a_credit_code_is_named(code: str, problem: str) -> None:
    with pytest.raises(CodeError) as caught:
        check_credit_code(code)
    assert caught.value.problem == problem


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        ("1101051949123100", "length"),
        ("11010519491231002x", "characters"),
        ("1101051949123100２X", "characters"),
        ("00010519491231002X", "region"),
        ("11010519491331002X", "date"),
        ("110105194912310021", "check"),
    ],
)
def test_what_is_wrong_with_a_citizen_number_is_named(number: str, problem: str) -> None:
    with pytest.raises(CodeError) as caught:
        check_citizen_number(number)
    assert caught.value.problem == problem
    assert number not in str(caught.value)
