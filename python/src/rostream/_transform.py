"""Arrow batches through the program, as they come."""

from __future__ import annotations

import itertools
import os
import subprocess
import threading
from typing import TYPE_CHECKING, Any, Deque, Iterable, Iterator, List, Mapping, Optional
from collections import deque

from ._error import RostreamError, of_events
from ._program import WELL, Path, arguments, find_program

if TYPE_CHECKING:
    import pyarrow

#: Lines of the program's word that are kept to tell an error by.
KEPT = 1000


def transform(
    batches: "Iterable[pyarrow.RecordBatch]",
    pipeline: Path,
    *,
    rejects: Optional[Path] = None,
    settings: Optional[Mapping[str, Any]] = None,
    workers: int = 1,
) -> "Iterator[pyarrow.RecordBatch]":
    """Takes batches through the stages and the rules of rows of a pipeline, and gives them on as they are ready.

    All columns that come out are text. They stream: no more than a few blocks of rows are in memory. Rows that come
    out are those that are in; an error may come behind the last of them, and then none of them counts, as where a task
    of Spark fails.

    Args:
        batches: the rows. They are taken from a thread of their own.
        pipeline: the pipeline file. Its source is not read.
        rejects: the file for rejected rows; ``{partition}`` in it becomes the number of the partition within a task of
            Spark, so that a task that runs again replaces its own. Without it, it stands beside the pipeline's rejects
            file.
        settings: settings that stand before those of the file.
        workers: threads of the program. Spark and Ray have tasks side by side already.

    Raises:
        RostreamError: more rows were rejected than the pipeline allows, the batches lack a column that it names, the
            pipeline file is wrong.
    """
    # A partition may be empty, which is no extract without records.
    every = (batch for batch in batches if batch.num_rows)
    first = next(every, None)
    if first is None:
        return
    command = [find_program(), "transform", os.fspath(pipeline), "-"]
    command += ["--input", "arrow", "--output", "arrow", "--log-format", "json"]
    command += ["--workers", str(workers), *arguments(settings)]
    if rejects is not None:
        command += ["--rejects", _of_task(os.fspath(rejects))]
    yield from _Stream(command, first.schema, itertools.chain([first], every))


def _of_task(path: str) -> str:
    """A path with the number of the partition, where that is asked for."""
    if "{partition}" not in path:
        return path
    from pyspark import TaskContext

    task = TaskContext.get()
    if task is None:
        raise ValueError("`{partition}` in the path of rejects needs a task of Spark")
    return path.replace("{partition}", str(task.partitionId()))


class _Stream:
    """A program that is fed by one thread, heard by another, and read by whoever asks for rows."""

    def __init__(
        self,
        command: List[str],
        schema: "pyarrow.Schema",
        batches: "Iterator[pyarrow.RecordBatch]",
    ) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        self.schema = schema
        self.batches = batches
        self.failed: Optional[BaseException] = None
        self.told: Deque[bytes] = deque(maxlen=KEPT)
        self.feeder = threading.Thread(target=self._feed, daemon=True)
        self.hearer = threading.Thread(target=self._hear, daemon=True)

    def __iter__(self) -> "Iterator[pyarrow.RecordBatch]":
        import pyarrow

        self.feeder.start()
        self.hearer.start()
        try:
            try:
                with pyarrow.ipc.open_stream(self.process.stdout) as reader:
                    yield from reader
            except (pyarrow.ArrowInvalid, OSError) as error:
                # Cut off: why, the program says.
                cut: Optional[Exception] = error
            else:
                cut = None
            self._end(cut)
        finally:
            # Also where nobody wants the rest.
            if self.process.poll() is None:
                self.process.kill()
            self.process.stdout.close()
            self.process.wait()

    def _feed(self) -> None:
        import pyarrow

        stdin = self.process.stdin
        writer = None
        try:
            writer = pyarrow.ipc.new_stream(stdin, self.schema)
            while True:
                try:
                    batch = next(self.batches, None)
                except BaseException as error:
                    # Whoever makes the batches failed: without the mark of their end the rows so far are no whole.
                    self.failed = error
                    self.process.kill()
                    return
                if batch is None:
                    writer.close()
                    return
                writer.write_batch(batch)
        except OSError:
            # The program takes no more: it has ended, and says why.
            pass
        except BaseException as error:
            # A batch that has other columns than the first.
            self.failed = error
            self.process.kill()
        finally:
            try:
                stdin.close()
            except OSError:
                pass

    def _hear(self) -> None:
        for line in self.process.stderr:
            self.told.append(line)

    def _end(self, cut: Optional[Exception]) -> None:
        exit = self.process.wait()
        self.hearer.join()
        if exit in WELL:
            # It has had the last of the batches.
            self.feeder.join()
        if self.failed is not None:
            raise self.failed
        if exit not in WELL:
            raise of_events(self.told, exit)
        if cut is not None:
            raise RostreamError(f"the rows were cut off: {cut}", "cut_off", exit, True) from cut
