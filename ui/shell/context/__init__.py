"""What the window needs from the rest of the product, as protocols: tests can stand in for a desk.

The window gets values and never live objects, except the stamper.
Start reading at :mod:`ui.shell.context.whole`.
"""
