"""Documents that a worker chokes on: it hangs, dies, eats memory or says what is not so."""

import os
from pathlib import Path

import pytest

# A document that a test makes its worker choke on: named so, and met in the worker itself.
SAID = {
    "half": b"",
    "list": b"[1]",
    "shape": b'{"schema": 1, "verdict": "VALID", "signatures": [{"seal": 7, "findings": 7}]}',
    "claim": b'{"schema": 1, "verdict": "VALID", "file": {"name": "claim.pdf"}, "signatures": []}',
    "error": b'{"schema": 1, "verdict": "UNREADABLE", "file": {}, "error": {"title": 7}}',
    "deep": b"[" * 100_000,
}


HOSTILE = (
    f"SAID = {SAID!r}\n"
    + """
import os, sys, threading

honest = verify_before = verify

def verify(path, **options):
    if path.stem == "hang":
        path.with_suffix(".reached").touch()
        threading.Event().wait()
    if path.stem == "die":
        os._exit(1)
    if path.stem == "eat":
        return bytearray(1 << 40)
    if path.stem in SAID:  # it has taken its worker over
        pipe = sys._getframe(1).f_locals["channel"].pipe
        if path.stem == "half":
            os.write(pipe.fileno(), bytes([0, 0, 3, 0]) + b"{")
            threading.Event().wait()
        pipe.send_bytes(b"[%d]" % len(SAID[path.stem]))
        pipe.send_bytes(SAID[path.stem])
        threading.Event().wait()
    if path.stem == "poison":  # it is judged well, and whoever comes next is not
        globals()["honest"] = None
    if path.stem == "bomb":
        globals()["honest"] = lambda path, **options: os._exit(1)
    if path.stem in ("poison", "bomb"):
        return verify_before(path, **options)
    if path.stem == "loud":
        raise RuntimeError("secret details")
    return honest(path, **options)
"""
)


@pytest.fixture
def choking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_processes: None) -> None:
    """Every interpreter started from here on meets the names above with trouble."""
    place = tmp_path / "site"
    place.mkdir()
    (place / "sitecustomize.py").write_text(
        "import importlib.abc, importlib.util, sys\n"
        "class Late(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name != 'app.verifying': return None\n"
        "        sys.meta_path.remove(self)\n"
        "        spec = importlib.util.find_spec(name)\n"
        "        load = spec.loader.exec_module\n"
        "        def exec_module(module):\n"
        "            load(module)\n"
        f"            exec({HOSTILE!r}, vars(module))\n"
        "        spec.loader.exec_module = exec_module\n"
        "        return spec\n"
        "sys.meta_path.insert(0, Late())\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{place}{os.pathsep}{Path.cwd()}")
