"""rostream from Python: the program that the wheel carries, started and spoken to.

``run`` and ``check`` do what the commands of these names do, and give their reports. ``transform`` takes Arrow batches
through the stages and the rules of rows of a pipeline: for Spark's ``mapInArrow`` and Ray's ``map_batches``.
"""

from ._error import RostreamError
from ._program import check, find_program, run
from ._transform import transform

__all__ = ["RostreamError", "check", "find_program", "run", "transform"]
