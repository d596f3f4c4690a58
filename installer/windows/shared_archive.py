"""Runs first in both frozen programs: their modules are in one file that they share.

PyInstaller appends all modules to each program (14 MB). Ours hold only what is imported up to
here; the rest is in ``program.pyz`` beside the libraries.
"""

import os
import sys

import pyimod01_archive
import pyimod02_importers

pyimod02_importers.pyz_archive = pyimod01_archive.ZlibArchiveReader(
    os.path.join(sys._MEIPASS, "program.pyz"),  # type: ignore[attr-defined]
    check_pymagic=True,
)
# Finders made before keep the small archive.
sys.path_importer_cache.clear()
