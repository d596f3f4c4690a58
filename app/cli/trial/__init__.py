"""``sealdesk demo``: the program tried out, with a platform and Ukeys of its own.

What the demo does once is in app/demo.py; nothing here touches the user's own seals.
Start reading at :mod:`app.cli.trial.demo`.
"""
