"""Vendor profiles: data that is checked when read, chosen by name and by mechanisms."""

from __future__ import annotations

import pytest

from device.profiles import (
    ProfileError,
    Sm2Profile,
    all_profiles,
    parse_profiles,
    profile_by_mechanisms,
    profile_by_names,
    profile_named,
)

STANDARD = '\n[[profile]]\nname = "standard"\nvendor = "v"\nevidence = "e"\n'


def test_the_shipped_profiles_are_sound() -> None:
    names = [profile.name for profile in all_profiles()]
    assert len(names) == len(set(names))
    assert names[-1] == "standard"
    assert all(profile.evidence and profile.vendor for profile in all_profiles())
    assert [profile.name for profile in all_profiles() if profile.virtual] == ["sealdesk-virtual"]


def test_sansec_shares_its_numbers_with_the_virtual_key() -> None:
    virtual, sansec = profile_named("sealdesk-virtual"), profile_named("sansec")
    assert virtual.sm2 == sansec.sm2
    assert sansec.sm2 is not None
    assert sansec.sm2.mechanisms == {0x80008001, 0x80008102, 0x80008105}


def test_a_profile_without_mechanisms_cannot_sign() -> None:
    koal = profile_named("koal")
    assert koal.sm2 == Sm2Profile(key_type=0x80000004)
    assert not koal.sm2.can_sign
    assert not koal.offered_by({0x80000004, 0x80008105})


@pytest.mark.parametrize(
    ("module", "manufacturer", "description", "expected"),
    [
        ("/opt/.sealdesk/vukey-0123.so", "", "", "sealdesk-virtual"),
        ("/usr/lib/softhsm/libsofthsm2.so", "SoftHSM", "Implementation of PKCS11", "softhsm2"),
        ("/opt/x.so", "Sansec Technology", "", "sansec"),
        ("C:/x/SWPKCS11.dll", "", "", "jit-sw"),
        ("/opt/x.so", "", "IAIK wrapper", "xipki-neutral"),
        ("/opt/x.so", "IBM", "", "ibm-ep11"),
        ("/opt/x.so", "Nobody", "Nothing", None),
    ],
)
def test_libraries_are_known_by_their_names(
    module: str, manufacturer: str, description: str, expected: str | None
) -> None:
    found = profile_by_names(module, manufacturer, description)
    assert (found.name if found else None) == expected


@pytest.mark.parametrize(
    ("mechanisms", "expected"),
    [
        ({0x80000003, 0x80000004, 0x1}, "bgi"),
        ({0xFFFFF001, 0xFFFFF002, 0xFFFFF003}, "xipki-neutral"),
        ({0x8005000A, 0x8005000B}, "ibm-ep11"),
        ({0x1, 0x40, 0x1041}, "standard"),
        (set(), "standard"),
    ],
)
def test_unknown_libraries_are_known_by_what_the_token_offers(
    mechanisms: set[int], expected: str
) -> None:
    assert profile_by_mechanisms(mechanisms).name == expected


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("colour = 1", "colour"),
        ("sm2 = 5", "table"),
        ('sm2.value = "hex"', "value"),
        ('sm2.user_id = "?"', "user_id"),
        ("sm2.sign = 1", "sign"),
        ("tries.user = 1", "tries"),
        ('algorithms = ["dsa"]', "rsa"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_reason(entry: str, complaint: str) -> None:
    text = f'[[profile]]\nname = "x"\nvendor = "v"\nevidence = "e"\n{entry}\n'
    with pytest.raises(ProfileError, match=complaint):
        parse_profiles(text + STANDARD)


def test_a_file_without_evidence_or_standard_profile_is_refused() -> None:
    with pytest.raises(ProfileError, match="evidence"):
        parse_profiles('[[profile]]\nname = "x"\nvendor = "v"' + STANDARD)
    for text in ("", STANDARD + STANDARD.replace("standard", "other")):
        with pytest.raises(ProfileError, match="last profile"):
            parse_profiles(text)
