"""Plumbline: says how far an LLM's forward is off true, whether its precision may cost that, and where.

    import plumbline
    result = plumbline.check("checkpoint/", "py:transformers")
    assert result.passed, result.story

The program does the work (`plumbline.binary()`); this package brings it along, starts it, and has what an
engine needs to be judged: `plumbline.engine` (the base class, served as `py:MODULE`), `plumbline.trace`
(traces written from arrays), `plumbline.engines` (adapters) and `plumbline.testing` (pytest).
"""

from plumbline.program import CallError, binary
from plumbline.result import Result, bisect, certify, check

__all__ = ["CallError", "Result", "binary", "bisect", "certify", "check"]
