"""Everything the client says to a platform or a time stamp service, and what it believes of it.

Answers are checked before they are kept. HTTP is spoken in one module only.
Start reading at :mod:`app.remote.platform_connection`.
"""
