"""``sealdesk stamp``: which seal, where it goes, what is asked before the PIN, one file or many.

The command itself and its options stand in :mod:`app.cli.stamping`; no story is told here.
Start reading at :mod:`app.cli.stamp.order`.
"""
