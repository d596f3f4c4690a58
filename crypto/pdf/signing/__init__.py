"""A new revision with a signature, a seal's marks or evidence, after the original's bytes.

The original is never rewritten. Keys stay behind :class:`crypto.algorithms.keys.SigningKey`.
Start reading at :mod:`crypto.pdf.signing.sign`.
"""
