"""The commands about approvals: nothing here decides, each tells what the stories came to.

What they call is in :mod:`app.remote.approval`.

Start reading at :mod:`app.cli.approval.phones`.
"""
