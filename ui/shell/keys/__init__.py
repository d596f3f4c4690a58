"""The Ukey itself: which ones are plugged in, and the dialogs that make one ready and unlock it.

They say what happens to keys and seals, and keep no PIN: it is taken once and forgotten.
Start reading at :mod:`ui.shell.keys.unlock_dialog`.
"""
