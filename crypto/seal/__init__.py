"""The electronic seal of GB/T 38540, the platform's statements and the registry's files.

They are read and made here, never judged: :mod:`crypto.validation` says whether they hold.
Start reading at :mod:`crypto.seal.structure`.
"""
