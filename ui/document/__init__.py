"""What can be done with the document being shown: find, copy, turn, print, save, drag out; and a
look at the seals and certificates behind it.

No document is opened here: pages and texts come from bounded processes.
Start reading at :mod:`ui.document.tools`.
"""
