"""For test-suites: a parity assertion whose failure tells the whole story.

    from plumbline.testing import assert_parity

    def test_parity():
        assert_parity("checkpoint/", "py:transformers")
        assert_parity("checkpoint/", my_model, contract="bfloat16")
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from plumbline.result import PathLike, Result
from plumbline.verbs import Candidate, Options, check

if TYPE_CHECKING:
    from typing_extensions import Unpack


def assert_parity(checkpoint: PathLike, candidate: Candidate, *raw: str, **options: Unpack[Options]) -> Result:
    """Judges `candidate` on `checkpoint`, arguments as `plumbline.check`; raises AssertionError with what the
    program says unless the verdict is PASSED. Returns the result."""
    __tracebackhide__ = True
    result = check(checkpoint, candidate, *raw, **options)
    if not result.passed:
        name = result.data["candidate"]["name"]
        raise AssertionError(f"{name} on {os.fspath(checkpoint)}: {result.verdict}\n{result.story}")
    return result
