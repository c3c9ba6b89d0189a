"""Plumbline: says how far an LLM's forward is off true, whether its precision may cost that, and where.

    import plumbline
    checkpoint = plumbline.synth("qwen3", "/tmp/qwen3", seed=7)
    result = plumbline.check(checkpoint, "py:transformers")
    assert result.passed, result.story

The program does the work (`plumbline.binary()`); this package brings it along, starts it, and has what an
engine needs to be judged: `plumbline.record` (traces of a torch module), `plumbline.Trace` (traces from
arrays of any library), `plumbline.engine` (the base class, served as `py:MODULE`), `plumbline.engines`
(adapters), `plumbline.oracles` (float64 forwards to hold against) and `plumbline.testing` (pytest).
"""

from typing import TYPE_CHECKING, Any

from plumbline.program import CallError, binary
from plumbline.result import Certificate, Result
from plumbline.trace import Trace
from plumbline.verbs import bisect, certify, check, synth

if TYPE_CHECKING:
    from plumbline.recorder import record

__all__ = ["CallError", "Certificate", "Result", "Trace", "binary", "bisect", "certify", "check", "record", "synth"]


def __getattr__(name: str) -> Any:
    """`record` needs torch, which is loaded when it is asked for."""
    if name != "record":
        raise AttributeError(f"module 'plumbline' has no attribute {name!r}")
    from plumbline.recorder import record

    return record
