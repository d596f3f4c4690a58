"""Commands about the program itself: facts for support, and new versions.

Nothing here touches a document or a seal.
Start reading at :mod:`app.cli.program.updating`.
"""
