"""Oracles from Hugging Face's own modules."""

import copy
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM

from plumbline.oracles import oracle
from plumbline.oracles.oracle import Array, Folder
from plumbline.oracles.pure_float64 import PureFloat64
from plumbline.taps import Recorder

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def implementation_of(folder: Folder) -> str:
    """Falcon's eager attention adds linear biases twice: they stand in its mask already."""
    config = json.loads((pathlib.Path(folder) / "config.json").read_text())
    return "sdpa" if config.get("model_type") == "falcon" and config.get("alibi") else "eager"


def load(folder: Folder, dtype: torch.dtype) -> Any:
    """from_pretrained, refusing what it would only report: missing and unexpected tensors."""
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation=implementation_of(folder), experts_implementation="eager",
        output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info[kind]:
            raise RuntimeError(f"{folder}: {kind}: {sorted(info[kind])[:4]}")
    return model.eval()


class Oracle(oracle.Oracle):
    """Every forward runs on a fresh copy of the model, because dynamic rope remembers the longest
    sequence that it has seen."""

    PRODUCER = f"transformers {transformers.__version__}, torch {torch.__version__}, CPU, eager"

    def __init__(self, folder: Folder, dtype: torch.dtype) -> None:
        self.dtype = dtype
        loaded = load(folder, dtype)
        if dtype is torch.float64:
            # Buffers such as inv_freq are made in float32 by from_pretrained: build them anew.
            with PureFloat64():
                self._model = type(loaded)(loaded.config).eval()
            self._model.load_state_dict(loaded.state_dict())
        else:
            self._model = loaded

    @torch.no_grad()
    def logits(self, tokens: Sequence[int], taps: dict[str, Array] | None = None, fine: bool = False) -> Array:
        model = copy.deepcopy(self._model)
        ids = torch.tensor([list(tokens)])
        if self.dtype is not torch.float64:
            return model(ids, use_cache=False).logits[0].float().numpy()
        with Recorder(model, fine) as recorder, PureFloat64():
            logits = model(ids, use_cache=False).logits[0]
        if taps is not None:
            taps.update({name: value.double().numpy() for name, value in recorder.taps.items()})
        return logits.numpy()
