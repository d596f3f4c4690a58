"""A new version of the program: what the platform says there is, fetched, checked, installed.

The platform's signed record names the package; nothing is installed that it does not name, that is
not newer, or that another publisher has signed. Start reading at :mod:`app.updates.offered`.
"""
