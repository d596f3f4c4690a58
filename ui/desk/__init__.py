"""The window at the real desk: what :mod:`ui.shell.context` promises, over :mod:`app`.

No widget is known here, and every method says by its thread whether it may touch a Ukey.
Start reading at :mod:`ui.desk.desk_context`.
"""
