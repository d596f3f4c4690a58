"""A report read back from its JSON is the same report, and nothing else passes for one."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from crypto.report.reading import read_report
from crypto.verdict import CertificateInfo, Finding, Report, Times, Verdict
from tests.world.reports import NOW, SEAL, SIGNATURE, report

CERTIFICATE = CertificateInfo("CN=甲", "甲", "", "CN=乙", "1f", NOW, NOW, "00" * 32)
FULL = replace(
    report(
        replace(
            SIGNATURE,
            signer=CERTIFICATE,
            chain=(CERTIFICATE, CERTIFICATE),
            seal=replace(SEAL, maker=CERTIFICATE),
            marks=(replace(SIGNATURE.marks[0], left_mm=1.23),),
            findings=(Finding("changed_later", {"what": "盖章"}), Finding("no_mark")),
        ),
        replace(
            SIGNATURE, signer=None, times=Times(), platform=None, digest_matches=None, marks=()
        ),
        findings=(Finding("opened_leniently"),),
    ),
    unsigned_marks=(replace(SIGNATURE.marks[0], left_mm=9.5),),
)


def through_json(whole: Report, language: str = "zh_CN") -> Any:
    return json.loads(json.dumps(whole.to_json(language)))


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_a_report_comes_back_as_it_was(language: str) -> None:
    assert read_report(through_json(FULL, language)) == FULL


def test_a_report_that_does_not_name_the_holder_is_read_as_well() -> None:
    data = through_json(FULL)
    for name in ("holder", "credit_code"):
        data["signatures"][0]["signer"].pop(name)
    signer = read_report(data).signatures[0].signer
    assert signer == replace(CERTIFICATE, holder="", credit_code="")


def test_a_report_of_the_first_schema_is_read_as_well() -> None:
    data = through_json(FULL)
    data["schema"] = "sealdesk-report/1"
    for signature in data["signatures"]:
        for change in signature["changed_later"]:
            for name in ("label", "before", "after", "box_mm", "ground", "why", "shown"):
                change.pop(name)
    assert read_report(data) == FULL


def test_a_verdict_is_never_read_but_follows_from_the_findings() -> None:
    data = through_json(report(replace(SIGNATURE, findings=(Finding("digest_mismatch"),))))
    data["verdict"] = data["signatures"][0]["verdict"] = "VALID"
    assert read_report(data).verdict is Verdict.INVALID


def spoil(change: Callable[[Any], object]) -> Any:
    data = through_json(FULL)
    change(data)
    return data


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        spoil(lambda data: data.update(schema="sealdesk-report/0")),
        spoil(lambda data: data.pop("signatures")),
        spoil(lambda data: data.update(signatures={})),
        spoil(lambda data: data.update(verified_at="yesterday")),
        spoil(lambda data: data.update(verified_at="2026-11-23T09:00:00")),
        spoil(lambda data: data.update(verified_at="2026-11-23T17:00:00+08:00")),
        spoil(lambda data: data.update(verified_at="0001-01-01T00:00:00+23:59")),
        spoil(lambda data: data.update(verified_at=3)),
        spoil(lambda data: data["file"].update(size="9")),
        spoil(lambda data: data["file"].update(size=True)),
        spoil(lambda data: data["signatures"][0]["seal"].update(size_mm=[40])),
        spoil(lambda data: data["signatures"][0]["marks"][0].update(left_mm="1")),
        spoil(lambda data: data["findings"][0].update(code="all_is_well")),
        spoil(lambda data: data["findings"][0].update(code=["opened_leniently"])),
        spoil(lambda data: data["findings"][0].update(details={"what": 1})),
        spoil(lambda data: data["findings"][0].update(details="what")),
        spoil(lambda data: data["findings"][0].pop("details")),
    ],
)
def test_what_is_no_report_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"report|no |Invalid|time|texts|zip"):
        read_report(data)
