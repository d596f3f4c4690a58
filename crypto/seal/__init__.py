"""The electronic seal of GB/T 38540, the platform's statements and the registry's files.

They are read and made here; whether they hold is for :mod:`crypto.validation` to say.
Start reading at :mod:`crypto.seal.structure`.
"""
