"""Seals that were made: how their state changes, who may change it, what is said of them.

Commands that the one writer runs, and what they rest on. Never here: how a seal is made
(:mod:`server_stub.issuing`), and what seal data or a statement looks like (:mod:`crypto.seal`).

Start reading at :mod:`server_stub.seals.lifecycle`: every change of state goes through it.
"""
