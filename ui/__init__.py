"""The desktop window (Qt Widgets): the only package that imports ``PySide6``.

It speaks to :mod:`app` alone: it opens no network connection, no device and no received document in
this process.
Start reading at :mod:`ui.shell.window`.
"""
