"""Commands that make and check what is kept as proof: evidence packages and archive packages.

What a package holds is decided in app/evidence and app/archiving; no story is told here.
Start reading at :mod:`app.cli.proving.evidence`.
"""
