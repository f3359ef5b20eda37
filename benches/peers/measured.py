"""What the comparisons have in common: processes that are measured, a sink to send to, and pipelines that do."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
PIPELINE = HERE.parent / "hris.yaml"

# The system counts peak memory in KiB on Linux, and in bytes on macOS.
UNIT = 1 if sys.platform == "darwin" else 1024

Run = namedtuple("Run", "wall cpu peak out")


def measure(command, good=(0,), **more):
    """Wall and CPU seconds, peak memory in bytes, and what it wrote to stdout. A peak below that of this process is not
    seen: the system counts it before the program begins."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, **more)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode not in good:
            sys.exit(f"{command[0]} ended with {process.returncode}: {err.read().decode(errors='replace')}")
        return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * UNIT, out.read())


@contextmanager
def sink():
    """A server in a process of its own that takes an import and keeps nothing; yields its address."""
    process = subprocess.Popen([sys.executable, HERE / "sink.py"], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def rostream(program, address="", text=None):
    """Runs commands of rostream on the job of hris.yaml, or on another one's text, with the sink as its target."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = Path(folder) / "sink.yaml"
        pipeline.write_text(
            (text or PIPELINE.read_text()).replace(
                "target: { sandbox: { action: create } }",
                "target: { orgvue: { base_url: '${SINK}', tenant: SINK, action: create, token: { env: TOKEN },"
                " dataset: 6586F21B-AD4D-4D06-A309-712AF47184A2 } }",
            )
        )
        environment = {**os.environ, "SINK": address or "http://127.0.0.1:9", "TOKEN": "none"}

        def command(what, file, *settings, before=(), more=(), good=(0, 3)):
            """Rejected rows are no failure here. `file` may be an address. `before` is what the program is started by."""
            path = file if "://" in str(file) else Path(file).resolve()
            sets = [f"source.path={path}", f"rejects.path={folder}/rejects.csv", *settings]
            arguments = [str(pipeline), "--json", "-q", *more, *(word for s in sets for word in ("--set", s))]
            return measure([*before, os.path.abspath(program), what, *arguments], good, cwd=folder, env=environment)

        yield command


def sample(program, rows, file):
    """Makes the extract that `rostream sample` writes, in the format that its name ends with, unless it is there."""
    if not file.exists():
        # Under another name first, so that one that is cut off is not taken for whole.
        new = file.with_name(f"{file.name}.new")
        command = [program, "sample", "-q", "--rows", str(rows), "--format", file.suffix[1:], "-o", new]
        subprocess.run(command, check=True)
        os.replace(new, file)
    return file


def median(values):
    return statistics.median(values)


def versions(*commands):
    """The first line that each command says of itself, where it is there."""
    for command in commands:
        try:
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            continue
        yield said.strip().splitlines()[0]
