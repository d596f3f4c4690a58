"""Builds what is handed to users, and pages that are made from the program. Started by dev.py."""
