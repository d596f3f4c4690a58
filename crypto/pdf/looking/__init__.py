"""Which revisions and pages are drawn and compared, and what follows for a verdict.

It never makes a verdict better, and draws nothing itself: that is :mod:`crypto.rendering`'s.
Start reading at :mod:`crypto.pdf.looking.layer`.
"""
