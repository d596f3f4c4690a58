"""What the product does: the stories of stamping and verifying, local state, the command line.

Imports run one way: ``ui → app → crypto | device``. Only ``app/__main__.py`` may import ``ui``.
"""
