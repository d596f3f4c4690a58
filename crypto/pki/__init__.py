"""Certificates, revocation, CMS and time stamps: what they say, and how they are made.

Whom to believe is not decided here: that is :mod:`crypto.validation`.
Start reading at :mod:`crypto.pki.certificate`.
"""
