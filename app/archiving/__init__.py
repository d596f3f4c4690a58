"""归档: a month's or a folder's stamped files as one package, checkable without the program.

Nothing here decides whether a seal is good: files are verified as everywhere, and what changed
since it was stamped is not taken in.
Start reading at :mod:`app.archiving.making`.
"""
