"""The Ukey: PKCS#11 sessions, vendor profiles, PIN states and hot-plug.

Knows no other package, never sees a private key, and never keeps a PIN.
Start reading at :mod:`device.token`.
"""
