"""``python -m amlwidgets …``: the command line where the folder of its program is not on the PATH."""

import sys

from amlwidgets.cli import main

if __name__ == "__main__":
    sys.exit(main())
