"""Memory of pictures goes back to the system."""

import subprocess
import sys

FREED = """
import ctypes, resource
from pathlib import Path
from ui.picture_memory import give_back
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = libc.free.argtypes = [ctypes.c_size_t]
def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
blocks = [libc.malloc(64 << 10) for _ in range(1000)]
for block in blocks:
    ctypes.memset(block, 1, 64 << 10)
for block in blocks[:-1]:  # the last one keeps glibc from giving back the end of the heap
    libc.free(block)
before = held()
give_back()
print(before - held() > 50_000_000)
"""
ELSEWHERE = "import ui.picture_memory as memory; print(memory.give_back() is None)"


def test_what_was_freed_in_the_middle_of_a_heap_is_given_back() -> None:
    program = FREED if sys.platform == "linux" else ELSEWHERE
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.strip() == "True"
