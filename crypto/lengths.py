"""Lengths on paper."""

MM = 72 / 25.4
"""Points per millimetre: a PDF counts in points of 1/72 inch (ISO 32000-1 §8.3.2.3)."""
