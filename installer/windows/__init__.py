"""The program for Windows, made on Debian: runtime, bundle, MSI, and their checks under Wine.

``runtime`` assembles CPython for Windows, ``wine`` runs it, ``bundle`` freezes the program,
``msi`` packs it, ``build`` does all of it in order and ``check`` installs and tries the result.
"""
