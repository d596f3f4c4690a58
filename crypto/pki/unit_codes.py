"""Codes of units and people: check digits verified.

GB 32100-2015 (法人和其他组织统一社会信用代码), GB 11714 (organisation code), GB/T 2260 (regions),
GB 11643-1999 (公民身份号码). A code whose digits do not check was mistyped or made up: it never
reaches a register. The client checks while a person types, the platform what it is sent.
"""

from __future__ import annotations

from datetime import date

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # no I O S V Z: GB 32100 §4
_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
_ORGANISATION_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_CITIZEN_WEIGHTS = tuple(pow(2, 17 - i, 11) for i in range(17))
_CITIZEN_CHECKS = "10X98765432"
_DEPARTMENTS = "12345679AN0Y"  # first character: the registering authority, GB 32100 table 1

_PROVINCE_BLOCKS = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 82))
_PROVINCES = {str(n) for first, last in _PROVINCE_BLOCKS for n in range(first, last + 1)}
_PROVINCES.add("10")  # registered with the State itself


class CodeError(ValueError):
    """The code is malformed or a check digit is wrong."""

    def __init__(self, problem: str, detail: str) -> None:
        """*problem*: "length", "characters", "authority", "region", "date", "check" or
        "organisation" (its check character)."""
        super().__init__(detail)
        self.problem = problem


def check_character(first17: str) -> str:
    """The 18th character of a unified social credit code (GB 32100-2015 §5)."""
    total = sum(_ALPHABET.index(c) * w for c, w in zip(first17, _WEIGHTS, strict=True))
    return _ALPHABET[-total % 31]


def organisation_check_character(first8: str) -> str:
    """The 9th character of an organisation code (GB 11714)."""
    values = (_ORGANISATION_ALPHABET.index(c) for c in first8)
    total = sum(v * w for v, w in zip(values, _ORGANISATION_WEIGHTS, strict=True))
    return "0123456789X0"[11 - total % 11]


def check_credit_code(code: str) -> str:
    """*code* (18 characters) if both check digits, the authority and the region are possible.

    Raises :class:`CodeError`, which says in English what is wrong."""
    if any(c not in _ALPHABET for c in code):
        raise CodeError("characters", "a credit code has only 0-9 A-Y without I O S V Z")
    if len(code) != 18:
        raise CodeError("length", "a unified social credit code has 18 characters")
    if code[0] not in _DEPARTMENTS:
        raise CodeError("authority", "the first character names no registering authority")
    if not code[2:8].isdigit() or code[2:4] not in _PROVINCES:
        raise CodeError("region", "characters 3 to 8 are no region of GB/T 2260")
    if code[17] != check_character(code[:17]):
        raise CodeError("check", "the check character of the credit code is wrong")
    if code[16] != organisation_check_character(code[8:16]):
        raise CodeError("organisation", "the check character of the organisation code is wrong")
    return code


def check_citizen_number(number: str) -> str:
    """*number* (18 characters, X upper-case) if its date and check digit are possible.

    GB 11643-1999 with ISO 7064 MOD 11-2. Raises :class:`CodeError`; its text never repeats the
    number, which is personal data."""
    digits, last = number[:17], number[17:]
    if not (digits + "0").isdigit() or not digits.isascii() or last not in ("", *_CITIZEN_CHECKS):
        raise CodeError("characters", "a citizen number has 17 digits and a check character")
    if len(number) != 18:
        raise CodeError("length", "a citizen number has 18 characters")
    if digits[:2] not in _PROVINCES:
        raise CodeError("region", "the first digits are no region of GB/T 2260")
    try:
        date.fromisoformat(f"{digits[6:10]}-{digits[10:12]}-{digits[12:14]}")
    except ValueError:
        raise CodeError("date", "digits 7 to 14 are no date") from None
    total = sum(int(c) * w for c, w in zip(digits, _CITIZEN_WEIGHTS, strict=True))
    if last != _CITIZEN_CHECKS[total % 11]:
        raise CodeError("check", "the check character of the citizen number is wrong")
    return number
