"""Tables, the chained ledger, the vault and the exact bytes that are hashed.

What is recorded is never changed. No rule and no route is known here.
Start reading at :mod:`server_stub.records.store`.
"""
