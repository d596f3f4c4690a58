"""验章: a document's verdict, its reasons, and what can be done with it.

It shows the report's findings and decides no verdict itself.
Start reading at :mod:`ui.verify.verify_page`.
"""
