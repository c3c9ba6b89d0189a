"""Ops that people write as one kernel."""

import torch
from attention import rope_inputs, turned
from drawing import numbers, size
from norms import RMS, linear, linear_inputs, rms, rms_inputs
from severity import STRUCTURAL, SUBTLE


def norm_product(i, m):
    inner = m in RMS
    x = rms(i["x"], i["norm_w"], 1e-6, m if inner else None)
    return linear({"x": x, "w": i["w"], "b": i["b"]}, None if inner else m)


def norm_product_inputs(random, dtype, scale):
    inputs = linear_inputs(random, dtype, scale)
    return inputs | {"norm_w": 1 + numbers(random, dtype, inputs["x"].shape[1], scale=0.3)}


def added(i, m):
    stream, branch = i["stream"], i["branch"]
    total = stream if m == "branch_missing" else branch if m == "stream_missing" else stream + branch
    if m == "norm_of_the_stream":
        return {"sum": total, "out": rms(stream, i["w"], 1e-6)}
    return {"sum": stream if m == "old_stream_written" else total, "out": rms(total, i["w"], 1e-6, m)}


def added_inputs(random, dtype, scale):
    inputs = rms_inputs(random, dtype, scale)
    return {"stream": inputs["x"], "branch": numbers(random, dtype, *inputs["x"].shape), "w": inputs["w"]}


ADDED = {
    "branch_missing": STRUCTURAL, "stream_missing": STRUCTURAL, "norm_of_the_stream": STRUCTURAL,
    "old_stream_written": STRUCTURAL, "weight_missing": STRUCTURAL, "weight_offset": STRUCTURAL,
    "sum_for_mean": STRUCTURAL, "tail_not_summed": STRUCTURAL, "no_root": STRUCTURAL, "divided_by_n_minus_1": SUBTLE,
}  # fmt: skip


def rope_cache(i, m):
    past = i["cache"]
    new = turned(i["x"], m, first=len(past))
    if m == "unrotated":
        new = i["x"]
    if m == "in_front":
        return {"cache": torch.cat((new, past))}
    if m == "cache_rotated_again":
        past = turned(past, first=0)
    if m == "last_of_the_cache_overwritten":
        past = torch.cat((past[:-1], new[:1]))
    return {"cache": torch.cat((past, new))}


def rope_cache_inputs(random, dtype, scale):
    x = rope_inputs(random, dtype, scale)["x"]
    return {"x": x, "cache": numbers(random, dtype, size(random, 2, 2 * scale), *x.shape[1:])}


ROPE_CACHE = {
    "theta": STRUCTURAL, "position_0": STRUCTURAL, "position_1": STRUCTURAL, "sign": STRUCTURAL,
    "interleaved": STRUCTURAL, "unrotated": STRUCTURAL, "in_front": STRUCTURAL, "cache_rotated_again": STRUCTURAL,
    "last_of_the_cache_overwritten": STRUCTURAL, "two_percent": SUBTLE,
}  # fmt: skip
