"""What a person is told to type where a proof is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.cli.terminal import print_report
from app.verifying import verify
from crypto.validation.trust import Trust
from tests.world.authorities import NOW
from tests.world.office import Office


def test_a_signer_without_a_seal_need_not_be_trusted_to_make_seals(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    done = office.stamp(office.document())
    report = verify(done.path, trust=Trust(), at=NOW)
    report = replace(report, signatures=(replace(report.signatures[0], origin=""),))
    print_report(report, "zh_CN")
    assert "sealdesk trust add 证书文件 --for makers signers timestamps" in capsys.readouterr().out
    (sealed,) = report.signatures
    print_report(replace(report, signatures=(replace(sealed, seal=None),)), "zh_CN")
    said = capsys.readouterr().out
    assert "sealdesk trust add 证书文件" in said
    assert "makers" not in said
