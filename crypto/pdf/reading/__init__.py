"""A stranger's PDF as objects, pages, fields and signatures, within bounds.

Strict where a verdict depends on it, and bounded by a deadline. It judges nothing.
Start reading at :mod:`crypto.pdf.reading.document`.
"""
