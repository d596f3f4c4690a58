"""The desktop window (Qt Widgets): the only package that imports ``PySide6``.

It speaks to :mod:`app` alone: no network, no device, no file of a stranger's in this process.
Start reading at :mod:`ui.shell.window`.
"""
