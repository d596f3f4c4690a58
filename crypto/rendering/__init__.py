"""What runs inside a bounded process: pages drawn by two renderers, and drawings compared.

Knows neither signatures nor pyHanko, whose import would cost more than a look; nothing outside such
a process imports ``engines``.
Start reading at :mod:`crypto.rendering.looker`.
"""
