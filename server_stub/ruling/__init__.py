"""用印规则: what whoever keeps a seal has said about its uses.

Never here: single requests and decisions (:mod:`server_stub.approving`), and what a policy looks
like (:mod:`crypto.seal.use_policy`).

Start reading at :mod:`server_stub.ruling.use_policies`.
"""
