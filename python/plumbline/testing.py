"""For test-suites: a parity assertion whose failure tells the whole story.

    from plumbline.testing import assert_parity

    def test_parity(tmp_path):
        assert_parity("checkpoint/", "py:transformers")
"""

import os

from plumbline.result import Result, check


def assert_parity(checkpoint: str | os.PathLike[str], candidate: str, *options: str) -> Result:
    """Judges `candidate` (cpu-f32, trace:FILE, exec:COMMAND, py:MODULE, http://...) on `checkpoint`; raises
    AssertionError with what the program says unless the verdict is PASSED. Returns the result."""
    __tracebackhide__ = True
    result = check(checkpoint, candidate, *options)
    if not result.passed:
        raise AssertionError(f"{candidate} on {os.fspath(checkpoint)}: {result.verdict}\n{result.story}")
    return result
