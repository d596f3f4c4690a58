"""Does a seal, a signature or a time stamp hold, and on whose word?

Each check returns findings; none sets a verdict by hand, and none knows PDF.
Start reading at :mod:`crypto.validation.seal_check`.
"""
