"""Every path that the platform answers, one module for each kind of caller.

A route translates between a request and the rules; it never decides anything itself.
Start reading at :mod:`server_stub.web.routes.public`.
"""
