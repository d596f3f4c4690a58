"""Phones that a Ukey has bound (第八条): how they are paired, and a report of loss by one.

Never here: what they sign and how it is checked (:mod:`crypto.seal.phone`), and what they approve,
which is kept with all other approvals.

Start reading at :mod:`server_stub.phones.pairing`.
"""
