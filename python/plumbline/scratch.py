"""A copy of a checkpoint for engines that ask for more than the weights: a tokenizer, and a config that
states what Hugging Face fills in. The weights are linked, not copied."""

import json
import os
import pathlib
import shutil
import tempfile
from typing import Any

TOKEN = "t"  # token i is the word "t<i>", so that a text stands for any list of ids


def text_of(tokens: list[int]) -> str:
    """The text that the tokenizer below turns into these ids."""
    return " ".join(f"{TOKEN}{token}" for token in tokens)


def tokenizer(vocabulary: int) -> dict[str, Any]:
    """`tokenizer.json` of one word per id, without a token added at either end; the decoder is what
    mistral.rs asks for."""
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "model": {"type": "WordLevel", "unk_token": f"{TOKEN}0",
                  "vocab": {f"{TOKEN}{i}": i for i in range(vocabulary)}},
    }


def complete(config: dict[str, Any]) -> dict[str, Any]:
    """The config with what strict readers want stated although it is the default."""
    defaults: dict[str, Any] = {"hidden_act": "silu", "rope_scaling": None, "attention_bias": False,
                                "mlp_bias": False}
    if config.get("sliding_window") is None:
        defaults["sliding_window"] = None
    if "rope_theta" not in config and "rope_theta" in (config.get("rope_parameters") or {}):
        defaults["rope_theta"] = config["rope_parameters"]["rope_theta"]
    return {**defaults, **config}


def prepare(checkpoint: str | os.PathLike[str], folder: str | os.PathLike[str]) -> pathlib.Path:
    """Fills `folder` with the checkpoint's weights (links), its completed config and a tokenizer, where the
    checkpoint has none. Returns the folder."""
    source, target = pathlib.Path(checkpoint).resolve(), pathlib.Path(folder)
    for file in source.iterdir():
        if file.name != "config.json":
            (target / file.name).symlink_to(file)
    config = complete(json.loads((source / "config.json").read_text()))
    (target / "config.json").write_text(json.dumps(config, indent=1))
    if not (target / "tokenizer.json").exists():
        (target / "tokenizer.json").write_text(json.dumps(tokenizer(int(config["vocab_size"]))))
        (target / "tokenizer_config.json").write_text(json.dumps({
            "tokenizer_class": "PreTrainedTokenizerFast", "unk_token": f"{TOKEN}0",
            "model_max_length": int(config.get("max_position_embeddings") or 1 << 20),
            "chat_template": "{% for m in messages %}{{ m['content'] }}{% endfor %}"}))
    return target


class Scratch:
    """A prepared folder for the life of a `with` block."""

    def __init__(self, checkpoint: str | os.PathLike[str]) -> None:
        self._checkpoint = checkpoint

    def __enter__(self) -> pathlib.Path:
        self._folder = tempfile.mkdtemp(prefix="plumbline-")
        return prepare(self._checkpoint, self._folder)

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
