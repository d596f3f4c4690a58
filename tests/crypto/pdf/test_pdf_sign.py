"""What is written into a PDF, looked at by judges that share no code with us."""

from crypto.verdict import Verdict
from tests.crypto.pdf.workshop import (
    Shop,
    classic_pdf,
)


def test_a_sealed_document_is_valid(shop: Shop) -> None:
    report = shop.verify(shop.sign(classic_pdf()))
    assert report.verdict is Verdict.VALID, sorted(
        f.code for s in report.signatures for f in s.findings if f.level not in ("ok",)
    )


def test_two_signers(shop: Shop) -> None:
    once = shop.sign(classic_pdf())
    twice = shop.sign(once, shop.second, shop.marks(shop.second, left=40))
    report = shop.verify(twice)
    for s in report.signatures:
        print(s.verdict, [(f.code, f.text("en")) for f in s.findings if f.level != "ok"])
    assert [s.verdict for s in report.signatures] == [Verdict.VALID_CHANGED_LATER, Verdict.VALID]
