"""Taps of any torch module, from a map of tap names to modules:

    {"layer.*.mixer_out": "blocks.*.attention",          what the module returns (of several: the first)
     "layer.*.attn":      "blocks.*.attention.out:in",   what it is given
     "layer.*.k":         "blocks.*.attention.qkv:out[1]",
     "layer.*.q":         ("blocks.*.attention.qkv", lambda out: out[..., :512])}

Each `*` of a path stands for one name (no dot), and fills the `*` of the tap in the same order.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from plumbline.taps import Module, Recorder, first_tensor, knows

Place: TypeAlias = "str | tuple[str, Callable[[Any], Any]]"
TapMap: TypeAlias = Mapping[str, Place]

PLACE = re.compile(r"(?P<path>[^:]*)(:(?P<side>in|out)(\[(?P<index>\d+)\])?)?")


def _parts(place: Place) -> tuple[str, str, int | None, Callable[[Any], Any] | None]:
    text, change = (place, None) if isinstance(place, str) else place
    found = PLACE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no place in a module; write PATH, PATH:in or PATH:out[1]")
    index = found["index"]
    return found["path"], found["side"] or "out", None if index is None else int(index), change


def modules_of(model: Module, tap: str, path: str) -> dict[str, Module]:
    """The modules that `path` names, by the tap of each. Raises ValueError where there are none."""
    if tap.count("*") != path.count("*"):
        raise ValueError(f"{tap!r} and {path!r} differ in their number of *")
    pattern = re.compile(re.escape(path).replace(r"\*", r"([^.]+)"))
    every = dict(model.named_modules())
    found = {}
    for name, module in every.items():
        match = pattern.fullmatch(name)
        if match:
            fills = iter(match.groups())
            found[re.sub(r"\*", lambda _: next(fills), tap)] = module  # noqa: B023  called at once
    if not found:
        near = difflib.get_close_matches(path.replace("*", "0"), every, 3, 0.3)
        raise ValueError(f"no module of {type(model).__name__} is {path!r} (for {tap}); near: {', '.join(near)}")
    return found


class MappedRecorder(Recorder):
    """The taps of a map; beside them those that are found without, where the model is known."""

    def __init__(self, model: Module, places: TapMap, fine: bool = False,
                 batch: tuple[int, int] | None = None) -> None:
        super().__init__(model, fine, batch)
        self.places = places

    def __enter__(self) -> "MappedRecorder":
        try:
            if knows(self.model):
                super().__enter__()
            for tap, place in self.places.items():
                path, side, index, change = _parts(place)
                for name, module in modules_of(self.model, tap, path).items():
                    self._hook(module, name, side, index, change)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _hook(self, module: Module, name: str, side: str, index: int | None,
              change: Callable[[Any], Any] | None) -> None:
        def keep(value: Any) -> None:
            chosen = value[index] if index is not None else value
            self._keep(name, first_tensor(change(first_tensor(chosen)) if change else chosen))

        if side == "out":
            self._undo.append(module.register_forward_hook(lambda _m, _args, output: keep(output)).remove)
        else:
            self._undo.append(module.register_forward_pre_hook(
                lambda _m, args, kwargs: keep(args or tuple(kwargs.values())), with_kwargs=True).remove)
