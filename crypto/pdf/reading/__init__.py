"""A stranger's PDF as objects, pages, fields and signatures, within bounds.

Strict where it counts, and never more patient than its deadline. It judges nothing.
Start reading at :mod:`crypto.pdf.reading.document`.
"""
