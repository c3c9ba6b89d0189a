"""What is asked of a checkpoint's folder without loading it."""

import hashlib
import json
import os
import pathlib
import random
from typing import Any

from plumbline.program import CallError

DEFAULT_LENGTHS = (37, 11, 3)  # odd, so that no block or window is met by chance
DEFAULT_SEED = 1


def sha256(folder: str | os.PathLike[str]) -> str:
    """`checkpoint_sha256` of a trace: of the config and the tensors' files, in byte order of their names."""
    total = hashlib.sha256()
    for file in sorted(pathlib.Path(folder).iterdir()):
        if file.name in ("config.json", "params.json") or file.name.endswith(
                (".safetensors", ".safetensors.index.json")):
            total.update(file.name.encode() + b"\0")
            total.update(hashlib.sha256(file.read_bytes()).hexdigest().encode() + b"\n")
    return total.hexdigest()


def config_of(folder: str | os.PathLike[str]) -> tuple[str, dict[str, Any]]:
    """The family's name and the config: `config.json`, or `params.json` of Meta's layout (rlformers). Raises
    CallError where neither is there or readable."""
    root = pathlib.Path(folder)
    for name in ("config.json", "params.json"):
        if (root / name).is_file():
            try:
                config: dict[str, Any] = json.loads((root / name).read_text())
                return ("rlformers" if name == "params.json" else str(config["model_type"])), config
            except (ValueError, KeyError) as error:
                raise CallError(f"{root / name}: {error!r}: no config of a model") from error
    raise CallError(f"{root}: holds neither config.json nor params.json; name a checkpoint's folder")


def default_prompts(config: dict[str, Any]) -> dict[str, list[int]]:
    """Token ids from a fixed seed over the whole vocabulary. Raises CallError without `vocab_size`."""
    text = config.get("text_config", config)
    if not isinstance(text.get("vocab_size"), int):
        raise CallError("config: vocab_size is missing; give prompts")
    longest = int(text.get("max_position_embeddings") or max(DEFAULT_LENGTHS))
    draw = random.Random(DEFAULT_SEED)
    return {f"p{number}": [draw.randrange(text["vocab_size"]) for _ in range(min(length, longest))]
            for number, length in enumerate(DEFAULT_LENGTHS)}
