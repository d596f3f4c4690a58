"""The PIN of a Ukey: how old it is, and how one that is locked is set anew (第二十一条).

No PIN is ever kept, logged or sent here; the platform's permission is used and forgotten.
Start reading at :mod:`app.pins.unlocking`.
"""
