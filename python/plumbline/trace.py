"""Traces: recordings of a forward ("plumbline.trace/1", docs/formats.md), written from arrays.

    trace = Trace(producer="my engine 1.0")
    trace.prompt("p0", [3, 4, 5])
    trace.record("float32", "p0", {"logits": logits, "layer.0.out": out})
    trace.write("mine.safetensors")
"""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

SCHEMA = "plumbline.trace/1"
INTEGERS = ("greedy", "logprob_ids", "router_ids")  # stored as int64, whatever the rest is


class Trace:
    """What an engine gave, to be written whole or not at all."""

    def __init__(self, producer: str, **attributes: str) -> None:
        """`producer` says who computed this, with its version; `attributes` are others of the format:
        model_type, checkpoint_sha256, contract (the name of a precision contract)."""
        self.attributes = {"schema": SCHEMA, "producer": producer, **attributes}
        self.arrays: dict[str, npt.NDArray[Any]] = {}

    def prompt(self, name: str, tokens: Sequence[int]) -> None:
        """Token ids of a prompt, [T]."""
        self.arrays[f"prompts/{name}"] = np.asarray(tokens, dtype=np.int64)

    def record(self, dtype: str, run: str, values: Mapping[str, Any]) -> None:
        """Taps of one run: `dtype` is the precision in which they were computed (float64, float32,
        bfloat16, float16), `run` a prompt's name or one with its pieces (`p0@7+1x30`), each value an array
        whose first axis is the position. Stored as float64 under float64, as float32 otherwise."""
        real = np.float64 if dtype == "float64" else np.float32
        for tap, value in values.items():
            kind = np.int64 if tap.rpartition(".")[2] in INTEGERS else real
            if tap == "greedy_margin":
                kind = np.float64
            self.arrays[f"{dtype}/{run}/{tap}"] = np.ascontiguousarray(value, dtype=kind)

    def write(self, file: str | os.PathLike[str]) -> None:
        """Writes HDF5, or safetensors where the name ends so; the file is there whole or not at all."""
        path = pathlib.Path(file)
        draft = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            (self._write_safetensors if path.suffix == ".safetensors" else self._write_hdf5)(draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    def _write_safetensors(self, path: pathlib.Path) -> None:
        from safetensors.numpy import save_file

        save_file(self.arrays, path, metadata=self.attributes)

    def _write_hdf5(self, path: pathlib.Path) -> None:
        import h5py

        with h5py.File(path, "w", libver=("earliest", "v110")) as out:
            for key, text in self.attributes.items():
                out.attrs[key] = text
            for name, array in self.arrays.items():
                out.create_dataset(name, data=array)
