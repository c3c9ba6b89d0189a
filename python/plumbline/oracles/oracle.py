"""What is asked of an oracle, wherever its forward comes from."""

import abc
import os
import pathlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy.typing as npt
import torch

Array: TypeAlias = "npt.NDArray[Any]"
Folder: TypeAlias = "str | os.PathLike[str]"
Tensors: TypeAlias = "dict[str, torch.Tensor]"
Config: TypeAlias = "dict[str, Any]"

COARSE = ("embed", "mixer_out", "ffn_out", "out", "final_norm")


class Oracle(abc.ABC):
    """One checkpoint in one dtype. A subclass names its PRODUCER and gives the logits."""

    PRODUCER: str

    @abc.abstractmethod
    def __init__(self, folder: Folder, dtype: torch.dtype) -> None: ...

    @abc.abstractmethod
    def logits(self, tokens: Sequence[int], taps: dict[str, Array] | None = None, fine: bool = False) -> Array:
        """[positions, vocabulary] as numpy; in float64 fills the dict `taps` where one is given,
        with the coarse taps, or with all that the forward shows where `fine`."""

    def greedy(self, tokens: Sequence[int], steps: int) -> tuple[list[int], list[float]]:
        """Greedy tokens and their margins, each step a forward of the whole sequence."""
        sequence, chosen, margins = list(tokens), [], []
        for _ in range(steps):
            last = torch.tensor(self.logits(sequence)[-1])
            top = last.topk(2).values
            chosen.append(int(last.argmax()))  # as generate() chooses, among equals too
            margins.append(float(top[0] - top[1]))
            sequence.append(chosen[-1])
        return chosen, margins


def tensors_of(folder: Folder) -> Tensors:
    """Every tensor of a folder's safetensors files."""
    from safetensors.torch import load_file

    return {name: tensor for file in sorted(pathlib.Path(folder).glob("*.safetensors"))
            for name, tensor in load_file(file).items()}
