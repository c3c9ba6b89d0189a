"""The verbs, against the program: skipped where there is none."""

import pathlib
import re

import numpy as np
import pytest

import plumbline
from plumbline.engine import Engine, Unsupported
from plumbline.testing import assert_parity

try:
    plumbline.binary()
except plumbline.CallError as missing:
    pytest.skip(str(missing), allow_module_level=True)

TOKENS = list(range(3, 20))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints") / "llama"
    return plumbline.synth("llama", folder, seed=7, set={"num_hidden_layers": 2})


@pytest.fixture(scope="module")
def recorded(checkpoint, tmp_path_factory):
    """The reference's float64 forward, under a producer of its own."""
    file = tmp_path_factory.mktemp("traces") / "reference.safetensors"
    prompts = plumbline.Trace("prompts")
    prompts.prompt("p0", TOKENS)
    prompts.write(file)
    from plumbline.program import call

    call(["run", str(checkpoint), "--engine", "reference", "--prompts", str(file), "-o", str(file)])
    return plumbline.Trace.read(file)


class Replays(Engine):
    """Gives what was recorded; `scale` off."""

    producer, dtype, scale = "replay 1", "float32", 1.0

    def __init__(self, recorded, scale=1.0):
        self.recorded, self.scale = recorded, scale

    def forward(self, tokens, wanted):
        if list(tokens) != TOKENS:
            raise Unsupported("other tokens than the recorded ones")
        values = self.recorded.taps("float64", "p0")
        return {tap: value * (self.scale if tap == "logits" else 1) for tap, value in values.items() if wanted(tap)}


def test_synth_gives_the_folder(checkpoint):
    assert (checkpoint / "config.json").is_file()
    assert '"num_hidden_layers": 2' in (checkpoint / "config.json").read_text()


def test_a_right_engine_passes(checkpoint):
    result = plumbline.check(checkpoint, "cpu-f32", prompts=[TOKENS], greedy=2, taps=["logits", "layer.*.out"])
    assert result.passed
    assert result.reasons == result.diagnosis == []
    assert result.cause == ""
    assert 0.1 < result.ratio < 1.3
    assert result.data["tokens"]["compared"] == len(TOKENS)
    assert set(result.taps.tap) == {"layer.0.out", "layer.1.out", "logits"}
    assert (result.taps.floor_ratio < 1.5).all()
    assert result.taps.max_abs.dtype == np.float64
    assert "PASSED" in result._repr_html_()


def test_a_wrong_trace_fails_with_its_place(checkpoint, recorded):
    wrong = plumbline.Trace("wrong 1")
    wrong.prompt("p0", TOKENS)
    taps = dict(recorded.taps("float64", "p0"))
    taps["layer.1.ffn_out"] = taps["layer.1.ffn_out"] * 1.5
    wrong.record("float32", "p0", taps)
    result = plumbline.check(checkpoint, wrong)
    assert result.verdict == "FAILED"
    assert result.tap == "layer.1.ffn_out"
    assert result.reasons[0].tap == "layer.1.ffn_out"
    assert "layer.1.ffn_out" in str(result.reasons[0])
    assert result.cause
    assert "layer.1.ffn_out" in result._repr_html_()
    with pytest.raises(AssertionError, match=r"wrong 1 on .*FAILED(.|\n)*layer\.1\.ffn_out"):
        assert_parity(checkpoint, wrong)


def test_writes_its_report(checkpoint, tmp_path):
    page = plumbline.check(checkpoint, "cpu-f32", prompts=TOKENS, greedy=0).report(tmp_path / "report")
    assert page.is_file()
    assert "cpu-f32" in (tmp_path / "report" / "report.md").read_text()


def test_an_engine_in_this_process_is_asked(checkpoint, recorded):
    result = plumbline.check(checkpoint, Replays(recorded), prompts=TOKENS)
    assert result.passed, result.story
    assert result.data["candidate"]["name"] == "replay 1"
    assert "messenger" not in result.story
    wrong = plumbline.bisect(checkpoint, Replays(recorded, 1.25), prompts=TOKENS)
    assert wrong.verdict == "FAILED"
    assert wrong.tap == "logits"


def test_what_an_engine_raises_is_raised(checkpoint):
    def fails(_request):
        raise LookupError("no such weight")

    with pytest.raises(LookupError, match="no such weight"):
        plumbline.check(checkpoint, fails)


def test_an_oracle_is_held_against(checkpoint, recorded):
    assert plumbline.check(checkpoint, "cpu-f32", oracle=recorded, greedy=0).data["oracle"]["token_exact"]
    with pytest.raises(ValueError, match="one of the two"):
        plumbline.check(checkpoint, "cpu-f32", oracle=recorded, prompts=TOKENS)


def test_certify_counts(checkpoint):
    certificate = plumbline.certify(checkpoint, contract="bfloat16", taps=["logits"], prompts=TOKENS)
    assert certificate["contract"] == "bfloat16"
    assert len(certificate.faults) > 20
    assert (certificate.faults.shift[certificate.faults.seen == 1].min()
            > certificate.faults.shift[certificate.faults.seen == 0].min())
    assert re.search(r"\d+ of \d+ mistakes", certificate._repr_html_())


@pytest.mark.parametrize(("candidate", "text"), [("trace:missing.h5", r"missing\.h5"), ("cpu-f8", "cpu-f8")])
def test_wrong_input_is_a_call_error(checkpoint, candidate, text):
    with pytest.raises(plumbline.CallError, match=text):
        plumbline.check(checkpoint, candidate)


def test_no_candidate(checkpoint):
    with pytest.raises(TypeError, match="no candidate"):
        plumbline.check(checkpoint, 7)
    with pytest.raises(plumbline.CallError, match="nowhere"):
        plumbline.certify(pathlib.Path("nowhere"))
