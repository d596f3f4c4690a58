"""SM2, SM3, SM4, keys and Merkle trees: bytes in, bytes out.

Never an engine for secrets that is not constant-time, and never a private key from a token.
Start reading at :mod:`crypto.algorithms.gm`.
"""
