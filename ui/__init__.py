"""The desktop window (Qt Widgets): the only package that imports ``PySide6.QtWidgets``."""
