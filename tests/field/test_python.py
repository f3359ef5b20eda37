"""The Python package over the real program: `pytest tests/field/test_python.py`, with the wheel or python/src on the path,
pyarrow, and `ROSTREAM` where the program is not the wheel's own (it needs the feature `parquet`)."""

import contextlib
import os
import pickle
import threading
import time

import pyarrow
import pytest

import rostream

PIPELINE = """version: 1
source: { path: rows.csv }
stages:
  - trim:
  - date: { columns: [born], from: DD/MM/YYYY }
rejects: { at_most: %s }
validate: { key: id, columns: { name: { required: true } } }
target: { sandbox: }
"""


@pytest.fixture
def pipeline(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(PIPELINE % "100%")
    (tmp_path / "rows.csv").write_text("id,name,born\n1, Ann ,25/02/2000\n2,,\n3,Zoë,31/02/2000\n")
    return path


def batch(first, rows, wrong=()):
    numbers = range(first, first + rows)
    return pyarrow.RecordBatch.from_pydict(
        {
            "id": [f"{n:08}" for n in numbers],
            "name": [None if n in wrong else f" name {n} " for n in numbers],
            "born": ["25/02/2000"] * rows,
        }
    )


def ids(batches):
    return [value for batch in batches for value in batch.column("id").to_pylist()]


def test_rows_are_transformed_and_rejects_written_apart(pipeline, tmp_path):
    rejects = tmp_path / "task-0.csv"
    given = [batch(0, 3, wrong=[1]), batch(3, 2)]
    out = list(rostream.transform(given, pipeline, rejects=rejects))
    rows = pyarrow.Table.from_batches(out).to_pylist()
    assert rows == [
        {"id": f"{n:08}", "name": f"name {n}", "born": "2000-02-25"} for n in [0, 2, 3, 4]
    ]
    written = list(tmp_path.glob("task-0*"))
    assert len(written) == 1 and "00000001" in written[0].read_text()
    assert written[0].stat().st_mode & 0o777 == 0o600


def test_nothing_comes_of_nothing(pipeline):
    assert list(rostream.transform([], pipeline)) == []
    none = batch(0, 1).slice(0, 0)
    assert ids(rostream.transform([none], pipeline)) == []


def test_more_rows_than_any_pipe_holds_stream(pipeline):
    """Rows come out long before the last went in, and neither side waits for the other."""
    taken = threading.Event()
    most = 400

    def given():
        for n in range(most):
            if n == most - 1:
                assert taken.wait(60), "nothing came out before all was in"
            yield batch(n * 5000, 5000)

    seen = 0
    for out in rostream.transform(given(), pipeline):
        seen += out.num_rows
        taken.set()
    assert seen == most * 5000


def test_a_slow_reader_holds_back_who_gives(pipeline):
    given = 0

    def endless():
        nonlocal given
        while True:
            given += 1
            yield batch(given * 5000, 5000)

    out = rostream.transform(endless(), pipeline)
    next(out)
    time.sleep(2)
    before = given
    time.sleep(1)
    assert given == before, "it reads on though nobody takes the rows"
    out.close()


def test_whoever_has_enough_ends_the_program(pipeline):
    before = children()
    out = rostream.transform((batch(n * 5000, 5000) for n in range(10_000)), pipeline)
    next(out)
    assert children() != before
    out.close()
    assert children() == before


def children():
    me = os.getpid()
    found = set()
    for thread in os.listdir(f"/proc/{me}/task"):
        # A thread may end meanwhile.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{me}/task/{thread}/children") as file:
                found.update(file.read().split())
    return found


def test_what_ends_the_batches_is_raised_as_it_is(pipeline):
    class Gone(Exception):
        pass

    def given():
        yield batch(0, 5000)
        raise Gone("away")

    with pytest.raises(Gone, match="away"):
        list(rostream.transform(given(), pipeline))


def test_an_error_of_a_batch_is_raised(pipeline):
    other = pyarrow.RecordBatch.from_pydict({"x": ["1"]})
    with pytest.raises(pyarrow.ArrowInvalid):
        list(rostream.transform([batch(0, 10), other], pipeline))


def test_errors_say_what_they_are(pipeline):
    other = pyarrow.RecordBatch.from_pydict({"x": ["1"]})
    with pytest.raises(rostream.RostreamError, match="born") as caught:
        list(rostream.transform([other], pipeline))
    assert (caught.value.exit, caught.value.retryable) == (2, False)
    pipeline.write_text(PIPELINE % "1")
    with pytest.raises(rostream.RostreamError, match="rejects.at_most is 1") as caught:
        list(rostream.transform([batch(0, 10, wrong=[2, 3])], pipeline))
    error = caught.value
    assert (error.code, error.exit, error.retryable) == ("too_many_rejects", 4, False)
    same = pickle.loads(pickle.dumps(error))
    assert (str(same), same.code, same.exit) == (str(error), error.code, error.exit)


def test_settings_stand_before_the_file(pipeline):
    pipeline.write_text(PIPELINE % "1")
    given = [batch(0, 10, wrong=[2, 3])]
    settings = {"rejects.at_most": "50%", "stages": []}
    out = list(rostream.transform(given, pipeline, settings=settings))
    assert out[0].column("born")[0].as_py() == "25/02/2000"


def test_check_and_run_give_reports(pipeline):
    for command in [rostream.check, rostream.run]:
        report = command(pipeline, args=["--workers", "1"])
        assert report["exit_code"] == 3
        assert (report["counts"]["read"], report["counts"]["rejected"]) == (3, 2)


def test_check_and_run_raise_what_ended_them(pipeline):
    pipeline.write_text(PIPELINE % "1")
    with pytest.raises(rostream.RostreamError) as caught:
        rostream.run(pipeline)
    assert (caught.value.code, caught.value.exit) == ("too_many_rejects", 4)
    assert caught.value.report["counts"]["rejected"] == 2
    pipeline.with_name("rows.csv").unlink()
    with pytest.raises(rostream.RostreamError) as caught:
        rostream.check(pipeline)
    assert (caught.value.code, caught.value.exit, caught.value.retryable) == ("source_missing", 1, True)
    pipeline.write_text("version: 1\nstage: []\n")
    with pytest.raises(rostream.RostreamError, match="p.yaml:2") as caught:
        rostream.check(pipeline)
    assert caught.value.exit == 2
