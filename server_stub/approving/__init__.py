"""用印审批 (第十九条): requests to use a seal, what is said of them, and what a ticket takes of it.

Commands that the one writer runs. Never here: whose approval a seal's uses need
(:mod:`server_stub.ruling.use_policies`), what requests and approvals look like
(:mod:`crypto.seal.use_approval`), and the document itself, which the platform never sees.

Start reading at :mod:`server_stub.approving.requesting`.
"""
