"""What proofs at size have in common: the program, what must be so, and an imitation of Orgvue in a process of its own."""

import subprocess
import time

from rig import PROGRAM, free_port

ROSTREAM = str(PROGRAM)

failed = []


def holds(what, is_so):
    print(f"{'PASS' if is_so else 'FAIL'} {what}", flush=True)
    if not is_so:
        failed.append(what)


class Sandbox:
    """Its uploads and results stay on the disk, and live for two hours."""

    def __init__(self, folder, name):
        self.port = free_port()
        self.storage = folder / f"{name}.storage"
        self.storage.mkdir()
        token = folder / f"{name}.token"
        args = ["sandbox", "--port", str(self.port), "--token-file", str(token), "--folder", str(self.storage)]
        args += ["--file-life", "2h", "--url-life", "2h"]
        self.process = subprocess.Popen([ROSTREAM, *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not token.exists():
            if self.process.poll() is not None:
                raise SystemExit("the sandbox does not start")
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
