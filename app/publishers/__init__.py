"""Who has signed a program file, and whether Windows holds that signature to be good: asked of a
new version before it is installed and, where policy demands it, of a Ukey's driver.

Nothing is signed, loaded or installed here. Start reading at :mod:`app.publishers.authenticode`.
"""
