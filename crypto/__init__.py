"""Bytes in, bytes out: SM2/SM3/SM4, certificates, seal structures and PDF signatures.

No network, no screen, no device: a key on a token, a server key and a test key are the same
:class:`crypto.algorithms.keys.SigningKey` to everything in here.
Start reading at :mod:`crypto.pdf.verify`; the packages below it are listed in docs/developers.md.
"""
