"""Traces: recordings of a forward ("plumbline.trace/1", docs/formats.md), written from arrays and read.

    trace = Trace(producer="my engine 1.0")
    trace.prompt("p0", [3, 4, 5])
    trace.record("float32", "p0", {"logits": logits, "layer.0.out": out})
    trace.write("mine.safetensors")

    other = Trace.read("oracle.h5")
    other.runs("float64"), other.taps("float64", "p0"), other["float64/p0/logits"]
"""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from plumbline.arrays import as_numpy

SCHEMA = "plumbline.trace/1"
DTYPES = ("float64", "float32", "bfloat16", "float16")
INTEGERS = ("greedy", "logprob_ids", "router_ids")  # stored as int64, whatever the rest is
CONTINUATION = ("greedy", "greedy_margin")  # one number a step; the others have one row a position


class TraceError(ValueError):
    """A file that is no trace, or arrays that do not fit together; says which and what is wrong."""


def cut(tokens: Sequence[int], sizes: str) -> list[list[int]]:
    """Consecutive calls from `7+1x30`: sizes joined by +, AxB meaning B calls of A tokens. Raises ValueError
    where they do not cover the tokens."""
    pieces, at = [], 0
    for part in sizes.split("+"):
        size, _, count = part.partition("x")
        for _ in range(int(count or 1)):
            pieces.append(list(tokens[at:at + int(size)]))
            at += int(size)
    if at != len(tokens):
        raise ValueError(f"the pieces {sizes} cover {at} of {len(tokens)} tokens")
    return pieces


class Trace:
    """What an engine gave: `attributes` of the whole file (and `<dtype>/<run>/logprob_step` of one run) and
    `arrays` by their names in it, `prompts/<p>` and `<dtype>/<run>/<tap>`."""

    def __init__(self, producer: str, **attributes: str) -> None:
        """`producer` says who computed this, with its version; `attributes` are others of the format:
        model_type, checkpoint_sha256, contract (the name of a precision contract)."""
        self.attributes: dict[str, str] = {"schema": SCHEMA, "producer": producer, **attributes}
        self.arrays: dict[str, npt.NDArray[Any]] = {}

    def prompt(self, name: str, tokens: Any) -> None:
        """Token ids of a prompt, [T]."""
        ids = as_numpy(tokens)
        if ids.ndim != 1 or ids.dtype.kind not in "iu" or not len(ids):
            raise TraceError(f"prompts/{name}: {ids.dtype} of shape {list(ids.shape)} is no list of token ids [T]")
        self.arrays[f"prompts/{name}"] = ids.astype(np.int64)

    def record(self, dtype: str, run: str, values: Mapping[str, Any], logprob_step: float | None = None) -> None:
        """Taps of one run: `dtype` is the precision in which they were computed (float64, float32,
        bfloat16, float16), `run` a prompt's name or one with its pieces (`p0@7+1x30`), each value an array of
        any library whose first axis is the position. Stored as float64 under float64, as float32 otherwise
        (exact for 16 bits). `logprob_step`: the step to which `logprobs` were printed. Raises TraceError
        where a value has another length than the prompt."""
        if dtype not in DTYPES:
            raise TraceError(f"{dtype!r} is no precision of a trace; there are {', '.join(DTYPES)}")
        real = np.float64 if dtype == "float64" else np.float32
        prompt = self.arrays.get(f"prompts/{run.partition('@')[0]}")
        fresh = {}
        for tap, value in values.items():
            leaf, array = tap.rpartition(".")[2], as_numpy(value)
            of_positions = leaf not in CONTINUATION and ".state." not in tap
            if prompt is not None and of_positions and (array.ndim < 1 or len(array) != len(prompt)):
                raise TraceError(f"{dtype}/{run}/{tap}: shape {list(array.shape)}, but the prompt has {len(prompt)} "
                                 "positions; the first axis is the position, without a batch axis")
            kind = np.int64 if leaf in INTEGERS else np.float64 if tap == "greedy_margin" else real
            fresh[f"{dtype}/{run}/{tap}"] = np.ascontiguousarray(array, dtype=kind)
        self.arrays.update(fresh)
        if logprob_step is not None:
            self.attributes[f"{dtype}/{run}/logprob_step"] = repr(logprob_step)

    # --- reading

    @classmethod
    def read(cls, file: str | os.PathLike[str]) -> "Trace":
        """A trace in HDF5 or safetensors, whole. Raises TraceError where the file is neither or lacks its
        schema, OSError where it cannot be opened."""
        path = pathlib.Path(file)
        with path.open("rb") as start:
            is_hdf5 = start.read(8) == b"\x89HDF\r\n\x1a\n"
        attributes, arrays = _read_hdf5(path) if is_hdf5 else _read_safetensors(path)
        if attributes.get("schema") != SCHEMA:
            raise TraceError(f"{path}: schema is {attributes.get('schema')!r}, not {SCHEMA}")
        trace = cls(attributes.get("producer", "unknown"))
        trace.attributes, trace.arrays = attributes, arrays
        return trace

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """By the name in the file: `float32/p0/logits`."""
        return self.arrays[name]

    @property
    def producer(self) -> str:
        return self.attributes["producer"]

    @property
    def prompts(self) -> dict[str, list[int]]:
        """Token ids by prompt."""
        return {name.partition("/")[2]: array.tolist() for name, array in self.arrays.items()
                if name.startswith("prompts/")}

    @property
    def dtypes(self) -> list[str]:
        """The precisions in which something was recorded."""
        return [dtype for dtype in DTYPES if any(name.startswith(dtype + "/") for name in self.arrays)]

    def runs(self, dtype: str) -> list[str]:
        """Prompts, and prompts in pieces (`p0@7+1x30`), recorded in this precision."""
        return list(dict.fromkeys(name.split("/")[1] for name in self.arrays if name.startswith(dtype + "/")))

    def taps(self, dtype: str, run: str) -> dict[str, npt.NDArray[Any]]:
        """All arrays of one run: taps, `logprobs` and `logprob_ids`, `greedy` and `greedy_margin`."""
        start = f"{dtype}/{run}/"
        return {name[len(start):]: array for name, array in self.arrays.items() if name.startswith(start)}

    def pieces(self, run: str) -> list[list[int]]:
        """The calls of a run: its prompt cut as its name says; whole where it has no sizes."""
        prompt, _, how = run.partition("@")
        tokens = self.prompts[prompt]
        return cut(tokens, how) if how[:1].isdigit() else [tokens]

    # --- writing

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
            for name, array in self.arrays.items():
                # What a chunk's index costs, compression does not save on small arrays.
                packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if array.nbytes > 8192 else {}
                out.create_dataset(name, data=array, **packed)
            for key, text in self.attributes.items():
                group, _, leaf = key.rpartition("/")
                (out.require_group(group) if group else out).attrs[leaf] = float(text) if group else text


def _read_safetensors(path: pathlib.Path) -> tuple[dict[str, str], dict[str, npt.NDArray[Any]]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            names = list(file.keys())
            return dict(file.metadata() or {}), {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise TraceError(f"{path}: neither HDF5 nor safetensors: {error}") from error


def _read_hdf5(path: pathlib.Path) -> tuple[dict[str, str], dict[str, npt.NDArray[Any]]]:
    import h5py

    attributes: dict[str, str] = {}
    arrays: dict[str, npt.NDArray[Any]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]
        elif "logprob_step" in item.attrs:
            attributes[f"{name}/logprob_step"] = repr(float(item.attrs["logprob_step"]))

    with h5py.File(path) as file:
        for key, value in file.attrs.items():
            attributes[key] = value.decode() if isinstance(value, bytes) else str(value)
        file.visititems(visit)
    return attributes, arrays
