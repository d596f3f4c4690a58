"""Pictures in a page that look like a seal and are none.

A help and no proof: it only adds findings, and what it left out it says.
Start reading at :mod:`crypto.pdf.lookalikes.search`.
"""
