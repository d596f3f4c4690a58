"""Pictures in a page that look like a seal and are none.

No proof: it only adds findings, and says what it left out.
Start reading at :mod:`crypto.pdf.lookalikes.search`.
"""
