"""What one desk keeps: cabinet, journal, secrets, anchors.

A crash at any instant leaves the old state or the new. No network, no device.
Start reading at :mod:`app.store.cabinet`.
"""
