"""What came into a file after a signature, and whether it may have.

What is not understood is suspicious: nothing is passed over because no rule names it.
Start reading at :mod:`crypto.pdf.changes.review`.
"""
