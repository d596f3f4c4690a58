"""HTTP: routes, problems and serving.

Routes translate between requests and rules; no rule of the regulation is decided here.
Start reading at :mod:`server_stub.web.app`.
"""
