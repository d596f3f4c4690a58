"""Whom a certificate is said to belong to, by one rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.pki.holder_name import Holder, holder_of, without_credit_code
from crypto.pki.names_and_algorithms import Name

CODE = "91321300MA27DEM14U"
ISSUER = Name.build([("C", "CN"), ("O", "江苏省电子商务服务中心"), ("CN", "JSCA")])


def subject(*attributes: tuple[str, str]) -> Name:
    return Name.build(attributes)


@pytest.mark.parametrize(
    ("attributes", "holder"),
    [
        ((("O", CODE + "宿迁某某有限公司"), ("CN", "32130012345678")), ("宿迁某某有限公司", CODE)),
        ((("O", CODE), ("CN", "宿迁某某有限公司")), ("宿迁某某有限公司", CODE)),
        ((("O", "江苏省电子商务服务中心"), ("CN", "某某有限公司")), ("某某有限公司", "")),
        ((("O", "CFCA OCA33"), ("CN", "某某有限公司")), ("某某有限公司", "")),
        ((("O", "Beijing CA"), ("CN", "某某有限公司")), ("某某有限公司", "")),
        ((("O", "北京数字证书认证中心有限公司"), ("CN", "张三")), ("张三", "")),
        ((("O", "12-34"), ("O", "某某有限公司"), ("CN", "x")), ("某某有限公司", "")),
        ((("CN", "320500-1"), ("CN", "李四")), ("李四", "")),
        ((("CN", f"051@国家税务总局江苏省税务局@{CODE}@1"),), ("国家税务总局江苏省税务局", CODE)),
        ((("O", "ACME Trading Ltd."), ("CN", "contracts")), ("ACME Trading Ltd.", "")),
        ((("O", "1"), ("CN", "someone@example.com")), ("someone@example.com", "")),
        ((("O", CODE),), (CODE, CODE)),
        ((("C", "CN"),), ("", "")),
        ((), ("", "")),
    ],
)
def test_the_holder_is_called_by_a_name_and_not_by_a_number_or_an_authority(
    attributes: tuple[tuple[str, str], ...], holder: tuple[str, str]
) -> None:
    assert holder_of(subject(*attributes), ISSUER) == Holder(*holder)


def test_an_authority_itself_is_still_called_something() -> None:
    root = subject(("O", "Root CA Operator"), ("CN", "Root CA"))
    assert holder_of(root, root).name == "Root CA"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (CODE + "宿迁某某有限公司", "宿迁某某有限公司"),
        (CODE + "-宿迁某某有限公司", "宿迁某某有限公司"),
        ("宿迁某某有限公司", "宿迁某某有限公司"),
        ("11320500014150050B苏州市民政局", "苏州市民政局"),
        (CODE, CODE),
        ("", ""),
    ],
)
def test_a_credit_code_in_front_of_a_name_is_left_out(text: str, name: str) -> None:
    assert without_credit_code(text) == name


@given(st.lists(st.tuples(st.sampled_from(("O", "CN", "OU")), st.text(min_size=1, max_size=30))))
def test_whatever_stands_in_a_subject_has_one_holder(attributes: list[tuple[str, str]]) -> None:
    found = holder_of(subject(*attributes), ISSUER)
    stated = [text for short, text in attributes if short != "OU" and text.strip()]
    assert found.name == "" or any(found.name in text for text in stated)
    assert len(found.credit_code) in (0, 18)
