"""Which system calls of an strace the unit's SystemCallFilter would not let through: calls.py TRACE UNIT"""

import re
import subprocess
import sys


def sets() -> dict[str, set[str]]:
    printed = subprocess.run(["systemd-analyze", "syscall-filter"], capture_output=True, text=True, check=True).stdout
    found, current = {}, set()
    for line in re.sub(r"\x1b\[[0-9;]*m", "", printed).splitlines():
        if line.startswith("@"):
            current = found.setdefault(line.strip(), set())
        elif line.strip() and not line.strip().startswith("#"):
            current.add(line.strip())
    return found


def calls(name: str, of: dict[str, set[str]]) -> set[str]:
    if not name.startswith("@"):
        return {name}
    return set().union(*(calls(member, of) for member in of[name]))


trace, unit = (open(path).read() for path in sys.argv[1:])
of = sets()
allowed = calls("@default", of)
for filtered in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
    named = set().union(*(calls(name, of) for name in filtered.lstrip("~").split()))
    allowed = allowed - named if filtered.startswith("~") else allowed | named
used = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", trace, re.M))
print("system calls:", len(used), "not let through:", sorted(used - allowed))
sys.exit(not used or bool(used - allowed))
