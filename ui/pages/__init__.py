"""The other pages: seals, grants, approvals, ledger, settings.

They show snapshots and call :mod:`app`; nothing is kept here.
Start reading at :mod:`ui.pages.seals_page`.
"""
