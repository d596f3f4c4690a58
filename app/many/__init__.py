"""Many documents at once: stamping a batch with one PIN, verifying folders with worker processes.

Each document is told of by its own story, app.stamping or app.verifying; none is told here.
Start reading at :mod:`app.many.batch` or :mod:`app.many.bulk`.
"""
