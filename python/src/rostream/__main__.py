"""``python -m rostream``: the program itself."""

import os
import subprocess
import sys

from ._program import find_program

if __name__ == "__main__":
    program = [find_program(), *sys.argv[1:]]
    if sys.platform == "win32":
        sys.exit(subprocess.run(program).returncode)
    os.execv(program[0], program)
