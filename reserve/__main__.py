"""`first-serve` and `python -m reserve`: the same as main.py, where First Serve is installed as a package."""

import gc
import sys

from reserve.commands import main


def run() -> int:
    """Do what the command line says, and return the exit code."""
    try:
        return main(sys.argv[1:])
    finally:
        gc.freeze()  # what is left ends with the process: to search it for garbage takes a tenth of a run


if __name__ == "__main__":
    sys.exit(run())
