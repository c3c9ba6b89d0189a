"""Recording torch modules, and oracles in pure float64: skipped where torch or transformers are not there."""

import warnings

import numpy as np
import pytest

import plumbline

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from plumbline.engine import Unsupported  # noqa: E402
from plumbline.oracles.pure_float64 import PureFloat64  # noqa: E402
from plumbline.oracles.recording import main as oracle_main  # noqa: E402
from plumbline.oracles.recording import record_oracle  # noqa: E402
from plumbline.recorder import TorchEngine  # noqa: E402

try:
    plumbline.binary()
except plumbline.CallError as missing:
    pytest.skip(str(missing), allow_module_level=True)

PROMPTS = {"p0": list(range(3, 20)), "p1": [9, 8, 7, 6, 5]}


torch.set_num_threads(1)


def synthetic(family, folder, **config):
    return plumbline.synth(family, folder / family, seed=7, set={"num_hidden_layers": 2, **config})


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return synthetic("qwen3", tmp_path_factory.mktemp("checkpoints"))


def model_of(checkpoint, dtype="float32", attention="sdpa"):
    return transformers.AutoModelForCausalLM.from_pretrained(
        checkpoint, dtype=getattr(torch, dtype), attn_implementation=attention)


@pytest.mark.parametrize(("family", "dtype", "attention", "config"), [
    ("qwen3", "float32", "eager", {}), ("qwen3", "bfloat16", "sdpa", {}),
    ("mixtral", "float32", "sdpa", {"intermediate_size": 48}),  # grouped products want strides of 16 bytes
    ("qwen3_5_text", "float32", "sdpa", {"num_hidden_layers": 4})])
def test_a_model_of_transformers_passes_in_all_ways(tmp_path, family, dtype, attention, config):
    checkpoint = synthetic(family, tmp_path, **config)
    trace = plumbline.record(model_of(checkpoint, dtype, attention), PROMPTS, taps="all", pieces=("7+1x10", "1x5"),
                             batch=True, reset=True, greedy=3)
    assert trace.dtypes == [dtype]
    assert trace.runs(dtype) == ["p0", "p1", "p0@7+1x10", "p1@1x5", "p0@batch", "p1@batch", "p0@reset", "p1@reset"]
    taps = trace.taps(dtype, "p0")
    assert {"embed", "layer.1.mixer_in", "layer.1.mixer_out", "layer.1.ffn_out", "final_norm", "logits"} <= set(taps)
    full = next(i for i in range(4) if f"layer.{i}.k_rope" in taps)  # the first layer with attention
    assert taps[f"layer.{full}.q_rope"].shape[0] == len(PROMPTS["p0"])
    assert trace[f"{dtype}/p0@7+1x10/layer.{full}.k_rope"].shape == taps[f"layer.{full}.k_rope"].shape
    result = plumbline.check(checkpoint, trace)
    assert result.passed, result.story
    assert len(result.data["state"]["cells"]) >= 4


def test_the_recorder_leaves_the_model_as_it_was(checkpoint):
    model = model_of(checkpoint).train()
    hooks = sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())
    plumbline.record(model, PROMPTS, taps="all")
    assert model.training
    assert hooks == sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


class Plain(torch.nn.Module):
    """A module of nobody's: an embedding, one product a block, a head."""

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(11, 4)
        self.blocks = torch.nn.ModuleList(torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Linear(6, 4))
                                          for _ in range(2))
        self.head = torch.nn.Linear(4, 11)

    def forward(self, ids):
        x = self.table(ids)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


def test_a_map_names_the_taps_of_any_module():
    model = Plain()
    trace = plumbline.record(model, [1, 2, 3], map={
        "layer.*.ffn_out": "blocks.*", "layer.*.ffn_in": "blocks.*:in", "embed": "table:out",
        "layer.*.ffn_up": ("blocks.*.0", lambda out: out[..., :2])})
    taps = trace.taps("float32", "p0")
    inside = {f"layer.{i}.{tap}" for i in (0, 1) for tap in ("ffn_out", "ffn_in", "ffn_up")}
    assert set(taps) == {"logits", "embed"} | inside
    assert taps["layer.1.ffn_up"].shape == (3, 2)
    np.testing.assert_array_equal(taps["layer.0.ffn_in"], taps["embed"])
    np.testing.assert_allclose(taps["layer.1.ffn_in"], taps["layer.0.ffn_in"] + taps["layer.0.ffn_out"], rtol=1e-6)
    with torch.no_grad():
        np.testing.assert_array_equal(taps["logits"], model(torch.tensor([[1, 2, 3]]))[0].numpy())


@pytest.mark.parametrize(("places", "text"), [
    ({"layer.*.out": "block.*"}, "near: blocks.0"), ({"layer.*.out": "blocks"}, "number of"),
    ({"embed": "table:sideways"}, "no place"), ])
def test_a_map_that_does_not_fit_is_refused(places, text):
    model = Plain()
    with pytest.raises(ValueError, match=text):
        plumbline.record(model, [1, 2, 3], map=places)
    assert not any(module._forward_hooks for module in model.modules())


def test_calls_through_a_state_of_ones_own():
    model = Plain()
    trace = plumbline.record(model, [1, 2, 3], pieces="1x3", call=lambda ids, state: (model(ids), (state or 0) + 1))
    np.testing.assert_allclose(trace["float32/p0@1x3/logits"], trace["float32/p0/logits"], rtol=1e-5, atol=1e-6)
    with pytest.raises(Unsupported, match="no state"):
        plumbline.record(model, [1, 2, 3], pieces="1x3")
    with pytest.raises(Unsupported, match="ragged"):
        plumbline.record(model, [[1, 2, 3]], batch=True)
    with pytest.raises(ValueError, match="cover 4 tokens; the prompts have 3"):
        plumbline.record(model, [1, 2, 3], pieces="2x2")


def test_of_a_compiled_model_the_logits_are_seen():
    model = torch.compile(Plain(), backend="eager")
    assert set(plumbline.record(model, [1, 2, 3]).taps("float32", "p0")) == {"logits"}
    with pytest.raises(ValueError, match="compiled"):
        plumbline.record(model, [1, 2, 3], map={"embed": "table"})


def test_the_precision_is_that_of_the_parameters():
    assert TorchEngine(Plain().to(torch.bfloat16)).dtype == "bfloat16"
    with pytest.raises(ValueError, match="dtype="):
        TorchEngine(Plain().to(torch.float8_e4m3fn))


def test_a_planted_mistake_is_found_in_the_model_itself(checkpoint):
    model = model_of(checkpoint)
    with torch.no_grad():
        model.model.layers[1].input_layernorm.weight.mul_(1.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = plumbline.bisect(checkpoint, model, taps="all")
    assert result.verdict == "FAILED"
    assert result.tap == "layer.1.mixer_in"


def test_an_oracle_meets_the_reference(checkpoint, tmp_path):
    assert oracle_main([str(checkpoint), "-o", str(tmp_path / "oracle.safetensors"), "--greedy", "2"]) == 0
    result = plumbline.check(checkpoint, "cpu-f32", oracle=tmp_path / "oracle.safetensors")
    assert result.passed, result.story
    assert result.data["oracle"]["max_rel_tap"] < 1e-12


def test_an_oracle_with_float32_inside_is_none(checkpoint):
    with pytest.raises(AssertionError, match="not pure float64"), PureFloat64():
        torch.ones(2, dtype=torch.float64) + torch.from_numpy(np.ones(2, np.float32))
    assert record_oracle(checkpoint, {"p0": [1, 2]}).dtypes == ["float64"]


def test_an_oracle_of_wrong_input(tmp_path, capsys):
    assert oracle_main([str(tmp_path), "-o", str(tmp_path / "oracle.h5")]) == 2
    assert "neither config.json" in capsys.readouterr().err
    config = '{"model_type": "llama", "vocab_size": 9, "quantization_config": {"bits": 4}}'
    (tmp_path / "config.json").write_text(config)
    assert oracle_main([str(tmp_path), "-o", str(tmp_path / "oracle.h5")]) == 2
    assert "quantization_config" in capsys.readouterr().err
    assert not (tmp_path / "oracle.h5").exists()
