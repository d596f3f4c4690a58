"""Data files: messages, icons, the demo document. Read with :mod:`importlib.resources`."""
