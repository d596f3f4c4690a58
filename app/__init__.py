"""What the product does: the stories of stamping and verifying, local state, the command line.

Imports run one way, ``ui → app → crypto | device``; only ``app/__main__.py`` may import ``ui``.
Nothing here decides what a signature is worth, and no PIN is kept, logged or written.
Start reading at :mod:`app.stamping`, then :mod:`app.verifying`.
"""
