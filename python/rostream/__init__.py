"""Starts the program ``rostream`` from Python: checks, runs, and its stages over batches of Arrow.

Everything is done by the program, in a process of its own. This module hands over what it reads, and tells what ended it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Iterable, Iterator, Mapping, Optional, Union

if TYPE_CHECKING:
    import pyarrow

__all__ = ["RostreamError", "check", "program", "run", "transform"]

StrPath = Union[str, "os.PathLike[str]"]

# Rows were rejected, and everything else succeeded.
_PARTIAL = 3


class RostreamError(Exception):
    """What ended the program early."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        exit: int,
        retryable: bool,
        report: Optional[Mapping[str, Any]] = None,
    ) -> None:
        super().__init__(message)
        #: What kind of error it is: a word of docs/reference.md.
        self.code = code
        #: The program's exit code.
        self.exit = exit
        #: Whether the same may succeed later, with nothing changed by anybody.
        self.retryable = retryable
        #: The run report as far as the run came.
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        # Engines send errors from one process to another.
        return _made, (str(self), self.code, self.exit, self.retryable, self.report)


def _made(message: str, code: str, exit: int, retryable: bool, report: Any) -> RostreamError:
    return RostreamError(message, code=code, exit=exit, retryable=retryable, report=report)


def program() -> str:
    """The path of the program: what ``ROSTREAM`` names, that of the wheel, or one on the ``PATH``."""
    stated = os.environ.get("ROSTREAM")
    if stated:
        return stated
    name = "rostream" + (sysconfig.get_config_var("EXE") or "")
    beside = [sysconfig.get_path("scripts")]
    if os.name == "posix":
        beside.append(sysconfig.get_path("scripts", "posix_user"))
    for folder in beside:
        found = Path(folder) / name
        if found.is_file():
            return str(found)
    on_path = shutil.which("rostream")
    if on_path is None:
        raise FileNotFoundError("there is no program rostream: install the wheel, or name it by the variable ROSTREAM")
    return on_path


def check(pipeline: StrPath, *, sets: Optional[Mapping[str, str]] = None, args: Iterable[str] = ()) -> dict[str, Any]:
    """Checks the whole data, and gives the report. Nothing is sent.

    That rows were rejected is no error: ``report["exit_code"]`` is 3 then, and ``report["counts"]`` has them.
    """
    return _reported("check", pipeline, sets, args)


def run(pipeline: StrPath, *, sets: Optional[Mapping[str, str]] = None, args: Iterable[str] = ()) -> dict[str, Any]:
    """Runs a pipeline: survey, guards, upload, import, wait, results; and gives the report.

    That rows were rejected, here or by the server, is no error, as with :func:`check`.
    """
    return _reported("run", pipeline, sets, args)


def transform(
    batches: "Iterable[pyarrow.RecordBatch]",
    pipeline: StrPath,
    *,
    rejects: Optional[StrPath] = None,
    sets: Optional[Mapping[str, str]] = None,
    args: Iterable[str] = (),
) -> "Iterator[pyarrow.RecordBatch]":
    """Sends batches through the stages and the rules of rows, and gives what comes out: all columns are text.

    Both sides stream: a batch is held no longer than it takes to hand it over. Rejected rows go into ``rejects``, which has to be
    another file for every task. Rules of the whole file are left to the run that imports. Without any batch there is none.
    """
    import pyarrow as pa

    batches = iter(batches)
    first = next(batches, None)
    if first is None:
        return
    command = [program(), "transform", os.fspath(pipeline), "-", "--input", "arrow", "--output", "arrow"]
    command += ["--partial-ok", "--no-progress", "--log-format", "json", *_sets(sets), *args]
    if rejects is not None:
        command += ["--rejects", os.fspath(rejects)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        told = _Told(process.stderr)
        fed = _Fed(process.stdin, first, batches)
        try:
            try:
                with pa.ipc.open_stream(process.stdout) as stream:
                    yield from stream
            except pa.ArrowInvalid:
                # An end that is none: the program says why.
                if process.wait() in (0, _PARTIAL):
                    raise
            code = process.wait()
            fed.join()
            told.join()
            if fed.error is not None:
                raise fed.error
            if code not in (0, _PARTIAL):
                raise told.as_error(code)
        finally:
            # Whoever takes no more batches wants no more work.
            process.kill()


class _Told(threading.Thread):
    """Reads what the program says, of which the last error is kept."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._error: dict[str, Any] = {}
        self.start()

    def run(self) -> None:
        for line in self._stream:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event.get("event") == "error":
                self._error = event

    def as_error(self, exit: int) -> RostreamError:
        return RostreamError(
            self._error.get("message", f"rostream ended with {exit}"),
            code=self._error.get("code", "failed"),
            exit=exit,
            retryable=self._error.get("retryable", False),
        )


class _Fed(threading.Thread):
    """Writes batches to the program while it writes others."""

    def __init__(self, stream: IO[bytes], first: "pyarrow.RecordBatch", others: "Iterator[pyarrow.RecordBatch]") -> None:
        super().__init__(daemon=True)
        self._stream, self._first, self._others = stream, first, others
        self.error: Optional[BaseException] = None
        self.start()

    def run(self) -> None:
        import pyarrow as pa

        try:
            with self._stream, pa.ipc.new_stream(self._stream, self._first.schema) as writer:
                writer.write_batch(self._first)
                for batch in self._others:
                    writer.write_batch(batch)
        except BrokenPipeError:
            # The program has ended, and says why.
            pass
        except BaseException as error:  # noqa: BLE001 - raised by whoever takes the batches
            self.error = error


def _reported(
    command: str, pipeline: StrPath, sets: Optional[Mapping[str, str]], args: Iterable[str]
) -> dict[str, Any]:
    line = [program(), command, os.fspath(pipeline), "--json", "--no-progress", "--log-format", "json"]
    done = subprocess.run([*line, *_sets(sets), *args], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    report = json.loads(done.stdout) if done.stdout.strip() else None
    if done.returncode in (0, _PARTIAL) and report is not None:
        return report
    error: dict[str, Any] = {}
    problems = []
    for text in done.stderr.splitlines():
        try:
            event = json.loads(text)
        except ValueError:
            continue
        if event.get("event") == "error":
            error = event
        elif event.get("event") == "problem" and event.get("severity") == "error":
            problems.append(f"{event['file']}:{event.get('line', 1)}: {event['message']}")
    raise RostreamError(
        "\n".join(problems) or error.get("message", f"rostream ended with {done.returncode}"),
        code=error.get("code", "failed"),
        exit=done.returncode,
        retryable=error.get("retryable", False),
        report=report,
    )


def _sets(sets: Optional[Mapping[str, str]]) -> list[str]:
    return [part for key, value in (sets or {}).items() for part in ("--set", f"{key}={value}")]
