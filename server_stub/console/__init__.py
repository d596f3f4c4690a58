"""What ``sealdesk-server`` lets a person at the server's own console do for reviewers and auditors.

Nothing is decided here: commands ask the same rules as the routes.
Start reading at :mod:`server_stub.console.reviewing`.
"""
