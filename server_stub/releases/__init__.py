"""Versions of the program that the platform releases to the desks of its users.

Signed, on record, served to anybody. Never here: what a record looks like
(:mod:`crypto.seal.release`), and what a desk makes of it (:mod:`app.updates`).

Start reading at :mod:`server_stub.releases.keeping`.
"""
