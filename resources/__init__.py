"""Data files: messages, icons, fonts, the demo document. Read with :mod:`importlib.resources`.

No code that the program runs, and nothing that is made at run time.
Start reading at :file:`resources/messages.zh_CN.toml`.
"""
