"""Memory of large pictures goes back to the system."""

import subprocess
import sys

BLOCK = """
import ctypes
from ui.picture_memory import give_back
give_back()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = libc.free.argtypes = [ctypes.c_size_t]
libc.free(libc.malloc(16 << 20))  # by itself glibc takes smaller ones from a heap from now on
block = libc.malloc(1 << 20)
size = ctypes.c_size_t.from_address(block - ctypes.sizeof(ctypes.c_size_t)).value
print(bool(size & 2))  # glibc's mark of a block that the system gave it alone
"""


def test_a_large_block_is_the_systems_again_however_large_one_was_freed_before() -> None:
    program = BLOCK if sys.platform == "linux" else "import ui.picture_memory as memory\n"
    program += "" if sys.platform == "linux" else "print(memory.give_back() is None)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.strip() == "True"
