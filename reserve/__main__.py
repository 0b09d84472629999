"""`first-serve` and `python -m reserve`: the same as main.py, where First Serve is installed as a package."""

import sys

from reserve.commands import main


def run() -> int:
    """Do what the command line says, and return the exit code."""
    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(run())
