"""``sealdesk review`` and ``sealdesk audit``: the work of a platform's own people.

What is asked and checked stands in :mod:`app.remote.staff`; no decision is made here.
Start reading at :mod:`app.cli.staff.reviewing`.
"""
