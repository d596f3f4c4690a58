"""A report as PDF, and read back from its JSON.

It says what the report says and never judges anew.
Start reading at :mod:`crypto.report.pdf`.
"""
