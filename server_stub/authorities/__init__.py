"""What authorities tell the platform of seals, and what it asks them again by itself.

Whose word counts more is in :mod:`server_stub.sealing`; no authority is simulated here.
Start reading at :mod:`server_stub.authorities.notices`.
"""
