"""The window itself: its frame, navigation, tokens, notices and first steps.

It knows the pages by name only and does no work of its own in the main thread.
Start reading at :mod:`ui.shell.window`.
"""
