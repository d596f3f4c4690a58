"""The reference platform: issuance, authorisation, status, verification and audit.

Imports ``crypto`` only; it is the optional extra ``server`` and never part of the client.
Start reading at :mod:`server_stub.issuing`, the rules of making a seal.
"""
