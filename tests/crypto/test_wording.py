"""Findings as people read them."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.verdict import LEVELS, Change, Finding, Level, say
from crypto.wording import ORDER, as_sentences, conclusion, decisive, page_ranges
from tests.world.reports import NOW, SEAL, SIGNATURE, report

LATIN = re.compile(r"[A-Za-z]{2,}")
ALLOWED = {"PDF", "Ukey", "SM2", "SM3", "OFD", "TLS"}
UGLY = {
    "reason": "AssertionError: [0, 45017, 114081, 45534] in 156406 bytes",
    "field": "Signature1",
    "filter": "Adobe.PPKLite",
    "subfilter": "adbe.pkcs7.detached",
    "subject": "C=CN, O=91320000134784450B某某数字证书有限公司, CN=某某根证书",
    "issuer": "C=CN, O=某某数字证书有限公司, CN=某某根证书",
    "anchor": "C=CN, CN=某某根证书",
    "authority": "CN=某某时间戳",
    "state": "suspended",
    "page": "3",
}
"""Details as parsers and certificates give them."""


@pytest.mark.parametrize("code", sorted(LEVELS))
def test_a_sentence_in_chinese_holds_no_english_and_nothing_of_a_parser(code: str) -> None:
    text = Finding(code, UGLY).text("zh_CN")
    assert set(LATIN.findall(text)) <= ALLOWED, text
    assert not re.search(r"45017|Signature1", text)


@pytest.mark.parametrize("code", sorted(LEVELS))
def test_a_sentence_in_english_holds_nothing_of_a_parser(code: str) -> None:
    details = {key: text for key, text in UGLY.items() if key not in ("subject", "issuer")}
    text = Finding(code, details).text("en")
    assert not re.search(r"45017|Signature1|Adobe|adbe", text)


def test_the_technical_line_holds_what_the_sentence_leaves_out() -> None:
    finding = Finding("byte_range_malformed", {"reason": "[0, 45017] in\n156406 bytes"})
    assert finding.technical() == "byte_range_malformed (reason: [0, 45017] in 156406 bytes)"
    assert Finding("no_mark").technical() == "no_mark"


def test_a_seam_of_many_pages_is_told_once() -> None:
    seam = [Finding("mark_matches", {"field": f"S{n}", "page": str(n)}) for n in range(1, 56)]
    (sentence,) = as_sentences(seam)
    assert sentence.count == 55


def test_what_is_hidden_on_many_pages_names_them() -> None:
    found = [Finding("mark_hidden", {"field": f"S{n}", "page": str(n)}) for n in (1, 2, 3, 7)]
    (sentence,) = as_sentences(found)
    assert "第 1–3、7 页" in sentence.text
    (english,) = as_sentences(found, "en")
    assert "page 1–3, 7" in english.text


def test_what_failed_comes_before_what_holds() -> None:
    found = [Finding(code) for code in ("covers_file", "status_unknown", "no_mark")]
    found.append(Finding("digest_mismatch"))
    levels = [sentence.level for sentence in as_sentences(found)]
    assert levels == [Level.INVALID, Level.UNKNOWN, Level.OK, Level.NOTICE]
    assert decisive(found) == Finding("digest_mismatch")
    assert decisive([Finding("covers_file")]) is None


@pytest.mark.parametrize(
    ("code", "origin", "advice"),
    [
        ("maker_untrusted", "https://p.example", "UNKNOWN_trust_platform"),
        ("maker_untrusted", "", "UNKNOWN_add_file"),
        ("status_unknown", "https://p.example", "UNKNOWN_fetch"),
        ("clock_contradicts", "", "UNKNOWN_set_clock"),
        ("demo_seal", "", "UNKNOWN_demo"),
        ("changed_suspicious", "https://p.example", "UNKNOWN"),
    ],
)
def test_what_to_do_fits_what_is_missing(code: str, origin: str, advice: str) -> None:
    found = [Finding(each) for each in ("maker_trusted", "signer_trusted") if code != each]
    if code == "maker_untrusted":
        found = [Finding("signer_trusted")]
    if code == "demo_seal":
        found.append(Finding("maker_untrusted"))
    unproved = replace(SIGNATURE, seal=SEAL, findings=(*found, Finding(code)), origin=origin)
    for language in ("zh_CN", "en"):
        action = conclusion(report(unproved), language).action
        assert action == say("advice", advice, language) != advice


def test_without_an_issuer_that_decides_and_not_what_follows_from_it() -> None:
    found = [Finding(code) for code in ("status_unknown", "maker_untrusted")]
    assert decisive(found) == Finding("maker_untrusted")
    content = [Finding("changed_suspicious"), *found]
    assert decisive(content) == Finding("changed_suspicious")


def test_what_decides_is_the_seal_nobody_vouches_for_not_the_one_below_it() -> None:
    covered = Finding("mark_covers", {"page": "1", "who": "乙方"})
    first = replace(SIGNATURE, findings=(covered,))
    unknown = Finding("maker_untrusted", {"issuer": "CN=某平台"})
    second = replace(SIGNATURE, findings=(unknown,), origin="https://p.example")
    said = conclusion(report(first, second))
    assert "某平台" in said.sentence
    assert said.action == say("advice", "UNKNOWN_trust_platform")
    assert "遮住" in conclusion(report(first)).sentence


@pytest.mark.parametrize(("language", "of_a_button"), [("zh_CN", "导出"), ("en", "Export")])
def test_advice_says_nothing_that_only_the_window_can_do(language: str, of_a_button: str) -> None:
    """It stands in the printed report and on the terminal, too."""
    good = replace(SIGNATURE, findings=(Finding("covers_file"),))
    assert of_a_button not in conclusion(report(good), language).action


def test_a_look_that_was_replaced_is_told_with_the_values_where_they_differ() -> None:
    details = {"page": "1", "before": "1,000", "after": "9,900,000"}
    text = Finding("look_replaced", details).text()
    assert "（原来是「1,000」，现在是「9,900,000」）" in text
    same = Finding("look_replaced", {**details, "after": "1,000"}).text()
    assert "1,000" not in same, "the value says nothing there"
    assert "9,900,000" in Finding("look_replaced", details).text("en")


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_what_is_put_into_an_empty_place_does_not_replace_a_value(language: str) -> None:
    """Told is that it was empty, and what was there beside the value."""
    page = {"page": "1"}
    filled = Finding("look_replaced", {**page, "after": "100"}).text(language)
    ticked = Finding("look_replaced", {**page, "after": "✓"}).text(language)
    nothing = say("blanks", "no_value_before", language)
    assert nothing not in ticked
    assert "✓" not in ticked
    assert "100" in filled
    assert filled != ticked
    for code in ("field_filled", "content_covered", "look_replaced", "filling_unclear"):
        said = Finding(code, {**page, "after": "✓"}).text(language)
        assert say("blanks", "no_named", language) not in said, "a box is no place to write in"


@pytest.mark.parametrize(
    ("before", "after", "chinese", "english"),
    [("", "✓", "被勾选", "ticked"), ("✓", "", "取消", "the tick was taken away")],
)
def test_a_tick_is_told_in_words(before: str, after: str, chinese: str, english: str) -> None:
    details = {"page": "1", "before": before, "after": after}
    code = "value_replaced" if before else "field_filled"
    assert chinese in Finding(code, details).text()
    assert english in Finding(code, details).text("en")


@pytest.mark.parametrize(
    ("code", "subtype", "chinese", "english"),
    [
        ("drawing_added", "/FreeText", "文字", "text"),
        ("drawing_added", "/Line", "线条", "a line"),
        ("drawing_added", "/Square", "方框", "a box"),
        ("drawing_added", "/Ink", "手写", "handwriting"),
        ("drawing_added", "/Stamp", "图章", "a stamp"),
        ("drawing_added", "/FileAttachment", "附件", "pinned"),
        ("drawing_added", "/Text", "批注", "a note"),
        ("markup_added", "/Highlight", "突出显示", "highlighted"),
        ("markup_added", "/StrikeOut", "删除线", "struck out"),
    ],
)
def test_of_what_was_drawn_the_one_kind_is_named(
    code: str, subtype: str, chinese: str, english: str
) -> None:
    change = Change(2, code, 3, f"{subtype} (12 0 obj)", after="同意")
    text, other = change.finding.text(), change.finding.text("en")
    assert chinese in text
    assert english in other
    assert "、" not in text.split("。")[0], "no list of what it might be"
    assert chinese in change.said()
    assert english in change.said("en")
    if code == "drawing_added":
        assert "「同意」" in text
        assert "“同意”" in other
    unknown = Finding(code, {"page": "3"})
    assert "—" not in unknown.text()
    assert "—" not in unknown.text("en")


def test_two_seals_are_told_with_the_time_of_the_last() -> None:
    good = replace(SIGNATURE, findings=(Finding("covers_file"),))
    later = replace(good, times=replace(good.times, trusted=NOW + timedelta(hours=1)))
    assert "2026-11-23 18:00" in conclusion(report(good, later)).sentence


@pytest.mark.parametrize(
    ("seal", "said"), [("甲公司", "「甲公司」"), ("合同专用章", "甲公司的「合同专用章」")]
)
def test_a_later_seal_names_its_company_once(seal: str, said: str) -> None:
    text = Finding("later_seal", {"page": "1", "who": "甲公司", "seal": seal}).text()
    assert f"：{said}（第 1 页）" in text


def test_a_seal_is_named_by_its_kind_where_its_name_is_the_company() -> None:
    company = "宿迁某某有限公司"
    good = replace(SIGNATURE, findings=(Finding("covers_file"),))
    named = replace(good, seal=replace(SEAL, name=company, type=1))
    assert f"{company}已加盖法定名称章" in conclusion(report(named)).sentence
    other = replace(good, seal=replace(SEAL, name=f"{company}合同专用章", type=4))
    assert "已加盖印章" in conclusion(report(other)).sentence
    both = conclusion(report(named, other)).sentence
    assert f"{company}、{company}合同专用章已加盖印章" in both


@given(st.lists(st.sampled_from(sorted(LEVELS)), max_size=40))
def test_no_matter_is_lost_and_none_is_told_twice(codes: list[str]) -> None:
    sentences = as_sentences([Finding(code) for code in codes])
    assert sum(sentence.count for sentence in sentences) == len(codes)
    assert len({(sentence.level, sentence.text) for sentence in sentences}) == len(sentences)
    ranks = [ORDER.index(sentence.level) for sentence in sentences]
    assert ranks == sorted(ranks)


@given(st.sets(st.integers(1, 300)))
def test_ranges_name_exactly_the_pages(pages: set[int]) -> None:
    named: set[int] = set()
    for part in page_ranges(pages, "en").split(", ") if pages else ():
        first, _, last = part.partition("–")
        named |= set(range(int(first), int(last or first) + 1))
    assert named == pages


def test_the_first_sentence_names_the_seal_and_the_worst_finding() -> None:
    found = (Finding("status_unknown"), Finding("digest_mismatch"), Finding("covers_file"))
    first = conclusion(report(replace(SIGNATURE, findings=found)))
    assert SEAL.name in first.sentence
    assert Finding("digest_mismatch").text() in first.sentence
    assert "不要采信" in first.action


def test_the_first_sentence_about_a_good_file_names_everybody_and_the_time() -> None:
    good = replace(SIGNATURE, findings=(Finding("covers_file"),))
    other = replace(good, seal=replace(SEAL, name="另一家公司合同专用章"))
    sentence = conclusion(report(good, other)).sentence
    assert SEAL.name in sentence
    assert "另一家公司合同专用章" in sentence
    assert "2026-" in sentence
    many = [replace(good, seal=replace(SEAL, name=f"第{n}公司")) for n in range(7)]
    assert "等 7 方" in conclusion(report(*many)).sentence


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("approval_foreign", "核实"),
        ("grant_no_leave", "核实"),
        ("ticket_missing", "核实"),
        ("digest_mismatch", "索取原文件"),
    ],
)
def test_whoever_was_not_allowed_to_seal_has_no_better_copy(code: str, word: str) -> None:
    said = conclusion(report(replace(SIGNATURE, findings=(Finding(code),))))
    assert word in said.action


def test_a_signature_without_a_seal_is_called_a_signature() -> None:
    bad = replace(SIGNATURE, seal=None, findings=(Finding("signature_invalid"),))
    assert "的签名无效" in conclusion(report(bad)).sentence


def test_a_file_whose_signatures_hold_but_which_is_doubtful_says_so() -> None:
    good = replace(SIGNATURE, findings=(Finding("covers_file"),))
    doubtful = replace(report(good), findings=(Finding("unsigned_mark", {"page": "2"}),))
    assert "第 2 页" in conclusion(doubtful).sentence


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_a_file_without_signatures_is_told_as_such(language: str) -> None:
    first = conclusion(report(), language)
    assert first.sentence
    assert first.action
