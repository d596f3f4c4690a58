"""Approvals of uses, as the client asks for them and gives them (第八条、第十九条).

What is signed stands in :mod:`crypto.seal`. Never here: what is shown of it.

Start reading at :mod:`app.remote.approval.phones`.
"""
