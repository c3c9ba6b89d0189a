"""Prompts, however they are given."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from plumbline.trace import Trace

Prompts: TypeAlias = "Trace | Mapping[str, Sequence[int]] | Sequence[Sequence[int]] | Sequence[int]"


def as_prompts(prompts: Prompts) -> dict[str, list[int]]:
    """Token ids by name: p0, p1, ... where they have none. Raises ValueError without any."""
    if isinstance(prompts, Trace):
        return prompts.prompts
    if isinstance(prompts, Mapping):
        return {name: [int(token) for token in tokens] for name, tokens in prompts.items()}
    rows: list[Any] = list(prompts)
    if not rows:
        raise ValueError("no prompts")
    if isinstance(rows[0], Iterable):
        return {f"p{number}": [int(token) for token in row] for number, row in enumerate(rows)}
    return {"p0": [int(token) for token in rows]}


def length_of(sizes: str) -> int:
    """Positions that pieces cover: 37 of `7+1x30`."""
    return sum(int(size) * int(count or 1) for size, _, count in (part.partition("x") for part in sizes.split("+")))


def runs_of(prompts: Mapping[str, Sequence[int]], pieces: Sequence[str], batch: bool, reset: bool) -> list[str]:
    """Each prompt whole, and otherwise as asked. Raises ValueError for pieces that are of no prompt's length."""
    runs = list(prompts)
    for sizes in pieces:
        fitting = [f"{name}@{sizes}" for name, tokens in prompts.items() if len(tokens) == length_of(sizes)]
        if not fitting:
            lengths = ", ".join(str(len(tokens)) for tokens in prompts.values())
            raise ValueError(f"the pieces {sizes} cover {length_of(sizes)} tokens; the prompts have {lengths}")
        runs += fitting
    return runs + [f"{name}@batch" for name in prompts if batch] + [f"{name}@reset" for name in prompts if reset]
