"""How mistakes are planted in Hugging Face's modules: contexts around forwards of one model."""

import contextlib
import dataclasses
import sys
import typing

from plumbline.taps import FEED_FORWARDS, MIXERS, child


@dataclasses.dataclass(frozen=True)
class Mistake:
    name: str
    causes: tuple  # of plumb's library; none: it has no name there
    plant: typing.Callable  # (model, layer) -> context, or None where it does not apply
    layered: bool = True  # False: outside the layers
    structural: bool = True


def decoder(model):
    return getattr(model, "model", model)


def layers(model, layer):
    every = decoder(model).layers
    return list(every) if layer is None else [every[layer]]


def mixers(model, layer):
    return [child(one, MIXERS) for one in layers(model, layer)]


def feed_forwards(model, layer):
    return [child(one, FEED_FORWARDS) for one in layers(model, layer)]


def text_config(model):
    return model.config.get_text_config()


@contextlib.contextmanager
def replaced(pairs):
    """Sets attributes: (object, name, value), and puts the old ones back."""
    before = [(thing, name, getattr(thing, name)) for thing, name, _ in pairs]
    for thing, name, value in pairs:
        setattr(thing, name, value)
    try:
        yield
    finally:
        for thing, name, value in reversed(before):
            setattr(thing, name, value)


@contextlib.contextmanager
def inside(modules, source, name, change):
    """While one of `modules` runs, `name` of its source file is change(what it is then)."""
    file = sys.modules[type(source).__module__]
    kept = []
    def enter(*_):
        kept.append(getattr(file, name))
        setattr(file, name, change(kept[-1]))
    leave = lambda *_: setattr(file, name, kept.pop())
    with hooked(modules, enter, before=True), hooked(modules, leave):
        yield


@contextlib.contextmanager
def beneath(modules, source, name, change):
    """The same for a function, beneath all that wraps it later: a recorder sees what goes in."""
    file = sys.modules[type(source).__module__]
    plain = getattr(file, name)
    other = change(plain)
    depth = [0]
    count = lambda by: lambda *_: depth.__setitem__(0, depth[0] + by)
    switch = lambda *args, **kwargs: (other if depth[0] else plain)(*args, **kwargs)
    with hooked(modules, count(1), before=True), hooked(modules, count(-1)), replaced([(file, name, switch)]):
        yield


@contextlib.contextmanager
def hooked(modules, hook, before=False):
    handles = [module.register_forward_pre_hook(hook) if before else module.register_forward_hook(hook)
               for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def weights_changed(pairs):
    before = [(weight, weight.data) for weight, _ in pairs]
    for weight, change in pairs:
        weight.data = change(weight.data.clone())
    try:
        yield
    finally:
        for weight, data in before:
            weight.data = data
