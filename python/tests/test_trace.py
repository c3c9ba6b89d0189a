"""Traces: written, read, and taken from arrays of other libraries."""

import numpy as np
import pytest

from plumbline import Trace
from plumbline.arrays import as_numpy
from plumbline.trace import TraceError, cut

SUFFIXES = ("safetensors", "h5")


def filled():
    trace = Trace("mine 1", contract="float32-f16-kv")
    trace.prompt("p0", [3, 4, 5])
    trace.record("bfloat16", "p0", {"logits": np.ones((3, 4)), "greedy": [7, 8], "greedy_margin": [0.5, 0.25]})
    trace.record("float64", "p0@2+1", {"layer.0.router_ids": [[1, 2]] * 3, "layer.0.out": np.full((3, 2), 0.1)})
    trace.record("float32", "p0", {"logprobs": np.zeros((3, 2)), "logprob_ids": [[1, 2]] * 3}, logprob_step=0.01)
    return trace


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_was_written_is_read(tmp_path, suffix):
    if suffix == "h5":
        pytest.importorskip("h5py")
    written = filled()
    written.write(tmp_path / f"trace.{suffix}")
    read = Trace.read(tmp_path / f"trace.{suffix}")
    assert read.attributes == written.attributes
    assert read.arrays.keys() == written.arrays.keys()
    for name, array in written.arrays.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


def test_tells_what_it_holds():
    trace = filled()
    assert trace.producer == "mine 1"
    assert trace.prompts == {"p0": [3, 4, 5]}
    assert trace.dtypes == ["float64", "float32", "bfloat16"]
    assert trace.runs("float64") == ["p0@2+1"]
    assert set(trace.taps("bfloat16", "p0")) == {"logits", "greedy", "greedy_margin"}
    assert trace.pieces("p0@2+1") == [[3, 4], [5]]
    assert trace.pieces("p0@batch") == [[3, 4, 5]]


def test_stores_numbers_as_the_format_has_them():
    kinds = {name: array.dtype for name, array in filled().arrays.items()}
    assert kinds["prompts/p0"] == kinds["bfloat16/p0/greedy"] == kinds["float64/p0@2+1/layer.0.router_ids"] == np.int64
    assert kinds["bfloat16/p0/logits"] == np.float32
    assert kinds["float64/p0@2+1/layer.0.out"] == kinds["bfloat16/p0/greedy_margin"] == np.float64


@pytest.mark.parametrize(("act", "text"), [
    (lambda trace: trace.record("float32", "p0", {"logits": np.ones((1, 3, 4))}), "batch axis"),
    (lambda trace: trace.record("int8", "p0", {"logits": np.ones((3, 4))}), "int8"),
    (lambda trace: trace.prompt("p1", [0.5, 1.5]), "token ids"),
    (lambda trace: trace.prompt("p1", [[1, 2]]), "token ids"),
])
def test_refuses_what_does_not_fit(act, text):
    trace = filled()
    before = dict(trace.arrays)
    with pytest.raises(TraceError, match=text):
        act(trace)
    assert trace.arrays.keys() == before.keys()


def test_refuses_a_file_that_is_none(tmp_path):
    file = tmp_path / "text.h5"
    file.write_text("no trace at all, but long enough for a header")
    with pytest.raises(TraceError, match=r"text\.h5"):
        Trace.read(file)
    from safetensors.numpy import save_file

    save_file({"a": np.ones(2)}, tmp_path / "weights.safetensors")
    with pytest.raises(TraceError, match="schema is None"):
        Trace.read(tmp_path / "weights.safetensors")
    with pytest.raises(FileNotFoundError):
        Trace.read(tmp_path / "missing.h5")


def test_takes_what_has_an_array_inside():
    class Wrapped:
        def __array__(self, dtype=None, copy=None):
            return np.arange(3, dtype=np.float16)

    class Lent:
        def __init__(self):
            self.array = np.arange(4.0)

        def __dlpack__(self, **options):
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    assert as_numpy(Wrapped()).dtype == np.float32
    np.testing.assert_array_equal(as_numpy(Lent()), np.arange(4.0))
    with pytest.raises(TypeError, match="no array of numbers"):
        as_numpy(["text"])


def test_takes_torch_tensors():
    torch = pytest.importorskip("torch")
    value = torch.tensor([1.0, 2.5], dtype=torch.bfloat16, requires_grad=True)
    np.testing.assert_array_equal(as_numpy(value), np.array([1, 2.5], np.float32))
    assert as_numpy(torch.ones(2, dtype=torch.float64)).dtype == np.float64
    assert as_numpy(torch.ones(2, dtype=torch.int32)).dtype == np.int32
    assert as_numpy(torch.ones(2, dtype=torch.float8_e4m3fn)).dtype == np.float32


def test_takes_other_libraries_arrays():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    np.testing.assert_array_equal(as_numpy(np.array([1.5], ml_dtypes.bfloat16)), [1.5])


def test_cuts_prompts_into_calls():
    assert cut([1, 2, 3, 4, 5], "2+1x3") == [[1, 2], [3], [4], [5]]
    with pytest.raises(ValueError, match="cover 4 of 5"):
        cut([1, 2, 3, 4, 5], "2x2")
