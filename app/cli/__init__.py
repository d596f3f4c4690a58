"""The command line: arguments in, sentences and exit codes out.

No story is told here: each command calls one. PINs never come as arguments.
Start reading at :mod:`app.cli.entry`.
"""
