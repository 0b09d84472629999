"""First Serve: argv in, exit code out."""

import sys

from reserve.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
