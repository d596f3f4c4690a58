"""Where the frozen programs begin, SealDesk.exe and sealdesk-cli.exe alike."""

import sys

from app.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
