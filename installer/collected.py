"""What PyInstaller is told to take into the program and to leave out, on every system.

Read by the recipes (``sealdesk.spec``); standard library only.
"""

from __future__ import annotations

from pathlib import Path

PACKAGES = ("app", "crypto", "device", "ui", "resources")
"""Ours. Some modules are imported by name (app.cli.entry), so all of them go in."""

# Imported by packages for what the program does not do: other time zones, web servers, fetching
# over aiohttp, XML of EU trust lists, test tools.
UNUSED = [
    "PyInstaller", "PySide6.QtPdf", "PySide6.QtQml", "PySide6.QtQuick", "PySide6.QtOpenGL",
    "PySide6.QtOpenGLWidgets", "PySide6.QtSql", "PySide6.QtTest",
    "_pytest", "aiohttp", "alembic", "backports", "distutils", "doctest", "ensurepip", "fastapi",
    "frozenlist", "hypothesis", "lib2to3", "lxml", "multidict", "mypy", "numpy", "opentelemetry",
    "pandas", "pdb", "propcache", "pydantic", "pydantic_core", "pydoc", "pygments", "pytest",
    "requests", "rich", "ruff", "server_stub", "setuptools", "sqlalchemy", "starlette", "tkinter",
    "tzdata", "unittest", "uvicorn", "venv", "virtualenv", "xmlrpc", "yaml", "yarl",
]  # fmt: skip

_DATA = {".toml", ".qss", ".svg", ".txt", ".pdf", ".pem", ".md"}
# Of Qt: drawing by OpenGL and Direct2D, QML, PDF, databases, images and screens that we never use.
_DROPPED = (
    "_avif", "_imagingtk", "_testcapi", "d3dcompiler", "opengl32sw", "qdirect2d",
    "qgif", "qicns", "qjpeg", "qminimal", "qoffscreen", "qopensslbackend", "qpdf.", "qt6dbus",
    "qt6opengl", "qt6pdf", "qt6qml", "qt6quick", "qt6sql", "qt6test", "qt6virtualkeyboard", "qtga",
    "qtiff", "qtuiotouchplugin", "qwbmp", "qwebp",
)  # fmt: skip


def data_files(source: Path) -> list[tuple[str, str]]:
    """(file, folder in the program) of everything ours that is no module; *source* is the clone."""
    found = [(str(source / "device" / "profiles.toml"), "device")]
    for path in sorted((source / "resources").rglob("*")):
        if path.is_file() and path.suffix in _DATA:
            found.append((str(path), str(path.relative_to(source).parent)))
    return found


def is_ours(module: str) -> bool:
    """Is *module* one that the program may import, and not a tool that made its resources?"""
    return not module.startswith("resources.demo")


def is_wanted(name: str, dropped: tuple[str, ...] = _DROPPED) -> bool:
    """Is the file *name* (its place in the program) one that the program uses?"""
    low = name.lower().replace("\\", "/")
    file = low.rpartition("/")[2]
    if file.startswith(dropped) or low.startswith("pymupdf/mupdf-devel"):
        return False
    if low.endswith(".qm"):
        return "zh_cn" in low
    return not low.endswith((".pyi", ".lib", ".h", ".a"))
