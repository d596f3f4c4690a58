"""Dialogs about the Ukey itself: made ready for use, unlocked.

They say what happens to keys and seals, and keep no PIN: it is taken once and forgotten.
Start reading at :mod:`ui.shell.keys.unlock_dialog`.
"""
