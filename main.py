"""First Serve: argv in, exit code out."""

import sys

from reserve.__main__ import run

if __name__ == "__main__":
    sys.exit(run())
