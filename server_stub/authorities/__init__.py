"""What authorities tell the platform about seals, and what the platform asks them again.

Whose word counts more is in :mod:`server_stub.seals.stopping`; no authority is simulated here.
Start reading at :mod:`server_stub.authorities.notices`.
"""
