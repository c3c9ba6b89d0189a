"""Keras Hub's backbones: `--candidate py:keras`; $KERAS_BACKEND chooses jax, torch or tensorflow.

The checkpoint is read by from_preset, as users do; taps by a model whose outputs are the layers'. Cannot:
runs in pieces, families without a converter in keras_hub. Needs keras, keras-hub and the backend.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import keras_hub
import numpy as np

from plumbline.checkpoint import config_of
from plumbline.engine import Engine, Request, Unsupported, serve

BACKBONES = {"llama": "Llama", "mistral": "Mistral", "mixtral": "Mixtral", "gemma": "Gemma", "gemma2": "Gemma",
             "gemma3_text": "Gemma3", "qwen2": "Qwen", "qwen2_moe": "QwenMoe", "qwen3": "Qwen3",
             "qwen3_moe": "Qwen3Moe", "phi3": "Phi3", "gpt_oss": "GptOss", "smollm3": "SmolLM3"}


class Keras(Engine):
    def __init__(self, request: Request) -> None:
        family, _ = config_of(request.checkpoint)
        if family not in BACKBONES:
            raise Unsupported(f"{family}: no backbone that reads it")
        self.dtype = request.dtype or "float32"
        self.producer = (f"keras-hub {version('keras-hub')}, keras {version('keras')}, "
                         f"{keras.backend.backend()}")
        backbone = getattr(keras_hub.models, BACKBONES[family] + "Backbone").from_preset(
            str(request.checkpoint), dtype=self.dtype)
        self.head = backbone.token_embedding
        layers = backbone.transformer_layers
        self.taps = [f"layer.{i}.out" for i in range(len(layers))]
        self.model = keras.Model(backbone.inputs, [backbone.output, *(layer.output for layer in layers)])

    def forward(self, tokens: Sequence[int], wanted: Callable[[str], bool]) -> Mapping[str, Any]:
        ids = np.array([tokens], dtype=np.int32)
        hidden, *outputs = self.model({"token_ids": ids, "padding_mask": np.ones_like(ids)}, training=False)
        values = {tap: keras.ops.convert_to_numpy(keras.ops.cast(value, "float32"))[0]
                  for tap, value in zip(self.taps, outputs, strict=True) if wanted(tap)}
        logits = self.head(hidden, reverse=True)
        return {**values, "logits": keras.ops.convert_to_numpy(keras.ops.cast(logits, "float32"))[0]}


if __name__ == "__main__":
    serve(Keras)
