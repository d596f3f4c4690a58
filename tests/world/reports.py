"""A report made by hand, without any document."""

from datetime import UTC, datetime

from crypto.verdict import (
    Change,
    FileInfo,
    Finding,
    MarkInfo,
    PlatformLine,
    Report,
    SealInfo,
    SignatureReport,
    Times,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


SEAL = SealInfo(
    "32130000000017", "测试章", 1, "TEST", 4, None, NOW, NOW, NOW, (40, 40), "PNG", "00" * 32
)


SIGNATURE = SignatureReport(
    fields=("Seal-1",), format="ses-v4", filter="/F", subfilter="/S", coverage="file",
    byte_range=(0, 1, 2, 3), digest_matches=True, signature_valid=True, seal_signature_valid=True,
    signer_in_seal_list=True, signer=None, chain=(), seal=SEAL, seal_chain=(),
    times=Times(NOW, NOW, "ticket"), platform=PlatformLine("active", "", NOW, "known"),
    marks=(MarkInfo(1, 1.234, 2.0, 40.0, 40.0, "Seal-1"),),
    changed_later=(Change(2, "seal_added", 1, "Seal-2"),), findings=(Finding("digest_matches"),),
)  # fmt: skip


def report(*signatures: SignatureReport, findings: tuple[Finding, ...] = ()) -> Report:
    return Report("SealDesk", NOW, NOW, FileInfo("文件.pdf", 9, "00", 1), signatures, (), findings)
