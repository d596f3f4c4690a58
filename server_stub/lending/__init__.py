"""Seals in other hands and at other places: grants, leases, and reports of use without a PIN.

Commands that the one writer runs, and what they rest on. Never here: what a statement or a grant
looks like (:mod:`crypto.seal`), and how a seal's state changes (:mod:`server_stub.seals`).

Start reading at :mod:`server_stub.lending.granting`.
"""
