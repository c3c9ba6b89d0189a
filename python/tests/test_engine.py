"""The engine's side of the protocol, without the program."""

import json
import pathlib

import numpy as np
import pytest
from safetensors import safe_open

from plumbline.engine import CANNOT, Engine, Request, Unsupported, answer, cut, serve


class Fake(Engine):
    """Logits [T, 4] that say which token stood there; runs in pieces, but not in batches."""

    producer, dtype, contract = "fake 1", "bfloat16", "float32-bf16-matmul"

    def __init__(self, request):
        if request.dtype == "float16":
            raise Unsupported("float16")

    def forward(self, tokens, wanted):
        values = {"logits": np.eye(4)[np.asarray(tokens) % 4], "layer.0.out": np.ones((len(tokens), 2))}
        return {tap: value for tap, value in values.items() if wanted(tap)}

    def forward_in_pieces(self, pieces, wanted):
        parts = [self.forward(piece, wanted) for piece in pieces]
        return {tap: np.concatenate([part[tap] for part in parts]) for tap in parts[0]}


def request(folder, **changes):
    data = {"schema": "plumbline.request/1", "checkpoint": "ckpt", "threads": 2, "dtype": None,
            "taps": ["logits"], "greedy": 0, "prompts": {"p0": [1, 2, 3]}, "runs": ["p0"], **changes}
    file = folder / "request.json"
    file.write_text(json.dumps(data))
    return file


def run(folder, **changes):
    trace = folder / "trace.safetensors"
    serve(Fake, [str(request(folder, **changes)), str(trace)])
    with safe_open(trace, "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def test_records_what_was_asked(tmp_path):
    tensors, attributes = run(tmp_path, taps=["logits", "layer.*.out"], runs=["p0", "p0@2+1"])
    assert attributes == {"schema": "plumbline.trace/1", "producer": "fake 1", "contract": "float32-bf16-matmul"}
    assert set(tensors) == {"prompts/p0", "bfloat16/p0/logits", "bfloat16/p0/layer.0.out",
                            "bfloat16/p0@2+1/logits", "bfloat16/p0@2+1/layer.0.out"}
    assert tensors["prompts/p0"].dtype == np.int64
    assert tensors["bfloat16/p0/logits"].dtype == np.float32
    np.testing.assert_array_equal(tensors["bfloat16/p0/logits"], tensors["bfloat16/p0@2+1/logits"])


def test_continues_greedily(tmp_path):
    tensors, _ = run(tmp_path, greedy=3)
    assert tensors["bfloat16/p0/greedy"].tolist() == [3, 3, 3]
    assert tensors["bfloat16/p0/greedy_margin"].tolist() == [1.0, 1.0, 1.0]


def test_leaves_out_what_it_cannot_do(tmp_path, capsys):
    tensors, _ = run(tmp_path, runs=["p0", "p0@batch", "p0@reset"])
    assert set(tensors) == {"prompts/p0", "bfloat16/p0/logits"}
    assert "left out p0@batch: batches" in capsys.readouterr().err


@pytest.mark.parametrize("changes", [{"dtype": "float16"}, {"runs": ["p0@batch"]}])
def test_says_that_it_can_do_nothing_of_it(tmp_path, changes):
    with pytest.raises(SystemExit) as end:
        run(tmp_path, **changes)
    assert end.value.code == CANNOT
    assert not list(tmp_path.glob("trace*"))


def test_refuses_what_is_no_request(tmp_path):
    with pytest.raises(ValueError, match="schema"):
        Request.read(str(request(tmp_path, schema="other/1")))


def test_cuts_prompts_into_calls():
    assert cut([1, 2, 3, 4, 5], "2+1x3") == [[1, 2], [3], [4], [5]]
    with pytest.raises(ValueError, match="cover 4 of 5"):
        cut([1, 2, 3, 4, 5], "2x2")


def test_a_trace_is_there_whole_or_not_at_all(tmp_path):
    trace, _ = answer(Fake(Request(pathlib.Path(), 1, None, (), 0, {}, ())),
                      Request(pathlib.Path(), 1, None, ("logits",), 0, {"p": [1]}, ("p",)))
    trace.arrays["bad"] = np.array(["text"])
    with pytest.raises(Exception, match=r"."):
        trace.write(tmp_path / "trace.safetensors")
    assert not list(tmp_path.iterdir())
