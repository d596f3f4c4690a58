"""Findings decide verdicts; every finding is said in both languages, made somewhere, and tested."""

import itertools
import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.verdict import (
    CHANGES,
    LEVELS,
    SCHEMA,
    Change,
    Finding,
    Level,
    SignatureReport,
    Times,
    Verdict,
    finding_list,
    say,
    seal_json,
    verdict_of,
)
from tests.world.reports import NOW, SEAL, SIGNATURE, report

ROOT = Path(__file__).parents[2]
LANGUAGES = ("zh_CN", "en")
KINDS = (
    "seal_added", "field_added", "field_filled", "metadata", "unused_objects", "timestamp_added",
    "validation_data", "suspicious", "forbidden", "value_replaced", "look_replaced",
    "content_covered", "value_differs", "filling_unclear", "filling_over_content",
    "value_rewritten", "note_added",
    "markup_added", "drawing_added", "bookmarks", "view", "page_labels", "attachment_added",
    "link_added", "link_inside",
)  # fmt: skip


def texts(language: str) -> dict[str, dict[str, str]]:
    return tomllib.loads((ROOT / "resources" / f"findings.{language}.toml").read_text("utf-8"))


# ---------------------------------------------------------------- levels and verdicts

OF_LEVEL = {
    Level.OK: Verdict.VALID,
    Level.NOTICE: Verdict.VALID,
    Level.CHANGED: Verdict.VALID_CHANGED_LATER,
    Level.UNKNOWN: Verdict.UNKNOWN,
    Level.INVALID: Verdict.INVALID,
}


def one(level: Level) -> Finding:
    return Finding(next(code for code, each in LEVELS.items() if each is level))


def test_the_worst_finding_decides_whatever_the_order() -> None:
    order = list(Level)
    for levels in itertools.product(Level, repeat=3):
        worst = max(levels, key=order.index)
        assert verdict_of(one(each) for each in levels) is OF_LEVEL[worst]


def test_no_finding_proves_nothing() -> None:
    assert verdict_of([]) is Verdict.UNKNOWN


def test_no_code_has_two_levels() -> None:
    from crypto import verdict

    codes = [code for codes in verdict._CODES.values() for code in codes.split()]
    assert len(codes) == len(set(codes)) == len(LEVELS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_and_no_other_has_a_text(language: str) -> None:
    assert set(texts(language)["findings"]) == set(LEVELS)
    assert set(texts(language)["verdicts"]) == {each.value for each in Verdict}
    assert set(texts(language)["levels"]) == {each.value for each in Level}
    assert set(texts(language)["changes"]) == set(KINDS)


def test_both_languages_fill_in_the_same_blanks() -> None:
    chinese, english = (texts(language)["findings"] for language in LANGUAGES)
    for code in LEVELS:
        blanks = [set(re.findall(r"{(\w+)}", each[code])) for each in (chinese, english)]
        assert blanks[0] == blanks[1], code


def test_a_text_without_its_details_shows_a_dash() -> None:
    assert "—" in Finding("changed_later").text()
    assert Finding("changed_later", {"what": "盖章"}).text() == "签章后又有改动：盖章。"


# ---------------------------------------------------------------- nothing said is left untested


def sources(folder: str) -> str:
    paths = sorted((ROOT / folder).rglob("*.py"))
    return "\n".join(
        p.read_text("utf-8") for p in paths if p.name not in ("verdict.py", Path(__file__).name)
    )


def made() -> set[str]:
    """The codes that the program makes: quoted in its sources, or put together from a prefix."""
    text = sources("crypto") + sources("app")
    quoted = set(re.findall(r'"([a-z_]+)"', text))
    built = set(re.findall(r'f"\{who\}(_[a-z_]+)"', text))
    built = {f"{who}{rest}" for who in ("signer", "maker") for rest in built}
    by_change = {*CHANGES.values(), "changed_later"}  # reports of schema 1 say "changed_later"
    return (quoted | built | by_change) & set(LEVELS)


def test_every_finding_is_made_somewhere() -> None:
    assert set(LEVELS) - made() == set()


def test_every_finding_is_produced_by_a_test() -> None:
    tested = set(re.findall(r'"([a-z_]+)"', sources("tests")))
    never = sorted(set(LEVELS) - tested)
    assert not never, f"no test produces: {', '.join(never)}"


def test_every_finding_is_explained_with_its_level() -> None:
    lines = (ROOT / "docs" / "verification.md").read_text("utf-8").splitlines()
    rows = [re.match(r"\| `([a-z_]+)` \| ([a-z]+) \|", line) for line in lines]
    assert {row[1]: row[2] for row in rows if row} == {code: str(LEVELS[code]) for code in LEVELS}


# ---------------------------------------------------------------- changes


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_change_leads_to_a_finding_and_has_words(kind: str) -> None:
    assert set(CHANGES) == set(KINDS)
    change = Change(3, kind, 2, "Seal-2")
    assert change.code in LEVELS
    assert change.text().startswith("第 2 页 ")
    assert change.text("en").startswith("page 2 ")
    assert change.text().endswith(" Seal-2")


def test_only_what_shows_nothing_leaves_a_verdict_as_it_was() -> None:
    harmless = {kind for kind in KINDS if LEVELS[Change(1, kind, None, "").code] is Level.NOTICE}
    assert harmless == {
        *("timestamp_added", "validation_data", "metadata", "bookmarks", "view", "unused_objects"),
        *("page_labels", "link_inside"),
    }


# ---------------------------------------------------------------- the report


def with_findings(*codes: str) -> SignatureReport:
    return replace(SIGNATURE, findings=tuple(map(Finding, codes)))


def test_a_document_is_as_good_as_its_worst_signature() -> None:
    good, bad = with_findings("digest_matches"), with_findings("digest_mismatch")
    changed, unknown = with_findings("changed_later"), with_findings("status_unknown")
    assert report(good).verdict is Verdict.VALID
    assert report(good, changed).verdict is Verdict.VALID_CHANGED_LATER
    assert report(good, changed, unknown).verdict is Verdict.UNKNOWN
    assert report(unknown, bad, good).verdict is Verdict.INVALID


def test_findings_about_the_document_count() -> None:
    good = with_findings("digest_matches")
    assert report(good, findings=(Finding("opened_leniently"),)).verdict is Verdict.VALID
    assert report(good, findings=(Finding("unsigned_mark"),)).verdict is Verdict.UNKNOWN


def test_a_document_without_signatures_is_unsigned_whatever_it_shows() -> None:
    assert report().verdict is Verdict.UNSIGNED
    assert report(findings=(Finding("unsigned_mark"),)).verdict is Verdict.UNSIGNED


def test_intact_needs_digest_and_value() -> None:
    assert SIGNATURE.intact
    assert not replace(SIGNATURE, digest_matches=None).intact
    assert not replace(SIGNATURE, signature_valid=False).intact


def test_the_best_time_is_the_trusted_one() -> None:
    later = NOW.replace(year=2027)
    assert Times(NOW, later, "ticket").best == later
    assert Times(NOW).best == NOW
    assert Times().best is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_json_is_plain_and_says_the_same(language: str) -> None:
    data = json.loads(json.dumps(report(SIGNATURE).to_json(language)))
    assert data["schema"] == SCHEMA
    assert data["verified_at"] == "2026-11-23T09:00:00Z"
    (signature,) = data["signatures"]
    assert signature["verdict"] == "VALID"
    assert signature["verdict_text"] == say("verdicts", "VALID", language)
    assert signature["marks"][0]["left_mm"] == 1.23
    assert signature["changed_later"][0]["text"] == SIGNATURE.changed_later[0].text(language)
    (finding,) = signature["findings"]
    assert finding == {
        "code": "digest_matches", "level": "ok", "text": Finding("digest_matches").text(language),
        "details": {},
    }  # fmt: skip
    assert finding_list(SIGNATURE.findings, language) == [finding]


def keys(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


def test_every_key_of_the_json_is_described() -> None:
    described = set(
        re.findall(r"`([a-z_0-9]+)`", (ROOT / "docs" / "report-schema.md").read_text("utf-8"))
    )
    full = report(SIGNATURE, findings=(Finding("opened_leniently"),)).to_json()
    full["unsigned_marks"] = [{"page": 1}]
    assert keys(full) | keys(seal_json(SEAL)) <= described
    assert SCHEMA in (ROOT / "docs" / "report-schema.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["a\nVALID\n", "\u202efdp.exe", "\x1b[31ma", "a\u2028b"])
def test_what_a_document_calls_something_breaks_no_line_and_turns_no_words(name: str) -> None:
    finding = Finding("attachment_added", {"after": name})
    change = Change(2, "field_filled", 1, name, label=name, after=name)
    for language in ("zh_CN", "en"):
        for text in (finding.text(language), change.text(language), change.finding.text(language)):
            assert text.isprintable()
