"""What can be done with the document being shown: find, copy, turn, print, save elsewhere.

No document is opened here: pages and texts come from bounded processes.
Start reading at :mod:`ui.document.tools`.
"""
