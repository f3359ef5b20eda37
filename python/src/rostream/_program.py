"""The program, and its commands that end with a report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from typing import Any, Dict, List, Mapping, Optional, Union

from ._error import RostreamError, of_events

Path = Union[str, "os.PathLike[str]"]

#: Finished, and finished with rows that were rejected.
WELL = (0, 3)


def find_program() -> str:
    """The path of the program: ``ROSTREAM`` if that is set, the wheel's own, or the one on ``PATH``.

    Raises:
        FileNotFoundError: there is none.
    """
    stated = os.environ.get("ROSTREAM")
    if stated:
        return stated
    name = "rostream.exe" if sys.platform == "win32" else "rostream"
    folders = [sysconfig.get_path("scripts")]
    user = sysconfig.get_preferred_scheme("user") if hasattr(sysconfig, "get_preferred_scheme") else None
    if user in sysconfig.get_scheme_names():
        folders.append(sysconfig.get_path("scripts", scheme=user))
    # `pip install --target`, and archives that executors unpack, put it beside the package.
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folders.append(os.path.join(here, "bin"))
    for folder in folders:
        program = os.path.join(folder, name)
        if os.path.isfile(program):
            return program
    found = shutil.which(name)
    if found:
        return found
    raise FileNotFoundError(f"there is no {name} in {', '.join(folders)} or on PATH")


def arguments(settings: Optional[Mapping[str, Any]]) -> List[str]:
    """Settings that stand before those of the pipeline file, as arguments."""
    sets = []
    for key, value in (settings or {}).items():
        text = value if isinstance(value, str) else json.dumps(value)
        sets += ["--set", f"{key}={text}"]
    return sets


def check(
    pipeline: Path,
    *,
    settings: Optional[Mapping[str, Any]] = None,
    args: Optional[List[str]] = None,
) -> Dict[str, Any]:
    """Checks the whole data of a pipeline; nothing is sent. Gives the report, also where rows were rejected.

    Args:
        pipeline: the pipeline file.
        settings: settings that stand before those of the file, such as ``{"rejects.at_most": "1%"}``.
        args: more arguments of the command, such as ``["--connect"]``.

    Raises:
        RostreamError: a guard or limit stops it, the source can't be read, the pipeline file is wrong.
    """
    return _report("check", pipeline, settings, args)


def run(
    pipeline: Path,
    *,
    settings: Optional[Mapping[str, Any]] = None,
    args: Optional[List[str]] = None,
) -> Dict[str, Any]:
    """Runs a pipeline to its end. Gives the report, also where rows were rejected: ``report["exit_code"]`` is 3 then.

    Args:
        pipeline: the pipeline file.
        settings: settings that stand before those of the file.
        args: more arguments of the command, such as ``["--first", "10"]``.

    Raises:
        RostreamError: the run failed, was stopped, or its outcome is not known; ``exit`` tells which.
    """
    return _report("run", pipeline, settings, args)


def _report(
    command: str,
    pipeline: Path,
    settings: Optional[Mapping[str, Any]],
    args: Optional[List[str]],
) -> Dict[str, Any]:
    program = [find_program(), command, os.fspath(pipeline), "--json"]
    program += ["--log-format", "json", *arguments(settings), *(args or [])]
    ended = subprocess.run(program, stdin=subprocess.DEVNULL, capture_output=True)
    try:
        report = json.loads(ended.stdout)
    except ValueError:
        report = None
    if ended.returncode not in WELL:
        raise of_events(ended.stderr.splitlines(), ended.returncode, report)
    if not isinstance(report, dict):
        raise RostreamError("rostream wrote no report", exit=ended.returncode)
    return report
