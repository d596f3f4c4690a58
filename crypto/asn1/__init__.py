"""DER and BER: what every structure here is written in, and nothing above it.

Strict: lengths, depth and size are bounded, and what is signed is sliced, never encoded again.
Start reading at :mod:`crypto.asn1.der`.
"""
