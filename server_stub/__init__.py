"""The reference platform: issuance, authorisation, status, verification and audit.

Imports ``crypto`` only; it is the optional extra ``server`` and never part of the client.
"""
