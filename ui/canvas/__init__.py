"""A document's pages on the screen, rendered in a process of its own.

It shows what the file holds and never opens a document in the window's process.
Start reading at :mod:`ui.canvas.document_pane`.
"""
