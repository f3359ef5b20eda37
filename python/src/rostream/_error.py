"""What went wrong, as the program tells it."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterable, Optional


class RostreamError(Exception):
    """The program ended without having done what was asked.

    Attributes:
        code: the word for the error, such as ``source_missing``; docs/reference.md of the project has them all.
        exit: the program's exit code; negative where a signal ended it.
        retryable: whether the same call may succeed later with nothing changed.
        report: the report of the run, where it came to one.
    """

    def __init__(
        self,
        message: str,
        code: str = "failed",
        exit: int = 1,
        retryable: bool = False,
        report: Optional[Dict[str, Any]] = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.exit = exit
        self.retryable = retryable
        self.report = report

    def __reduce__(self) -> Any:
        # Executors send what they raise to their driver.
        return (
            RostreamError,
            (str(self), self.code, self.exit, self.retryable, self.report),
        )


def of_events(
    lines: Iterable[bytes], exit: int, report: Optional[Dict[str, Any]] = None
) -> RostreamError:
    """The error that a program told of which ended with ``exit``: its last one, with the problems before it."""
    found: Optional[Dict[str, Any]] = None
    problems = []
    other = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            other.append(line.decode(errors="replace").strip())
            continue
        if not isinstance(event, dict):
            continue
        if event.get("event") == "error":
            found = event
        elif event.get("event") == "problem" and event.get("severity") == "error":
            place = ":".join(
                str(event[key])
                for key in ("file", "line", "column")
                if event.get(key) is not None
            )
            problems.append(f"{place}: {event.get('message')}")
    if found is None:
        message = "; ".join(other[-3:]) or f"rostream ended with {exit} and said nothing"
        return RostreamError(message, exit=exit, report=report)
    return RostreamError(
        "; ".join(problems) or found["message"],
        found["code"],
        exit,
        found["retryable"],
        report,
    )
