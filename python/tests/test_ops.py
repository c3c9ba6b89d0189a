"""plumbline.ops: a kernel's output judged by itself."""

import numpy as np
import pytest

from plumbline import CallError, ops


def rms_norm(x: np.ndarray, w: np.ndarray, eps: float) -> np.ndarray:
    return (x / np.sqrt((x.astype(np.float64) ** 2).mean(-1, keepdims=True) + eps) * w).astype(x.dtype)


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def test_a_right_kernel_passes() -> None:
    x, w = numbers(9, 33), numbers(33)
    result = ops.check("rms_norm", {"x": x, "w": w}, rms_norm(x, w, 1e-6), eps=1e-6)
    assert result.passed, result.story
    assert result.ratio is not None and result.ratio < 2


def test_a_wrong_one_is_named() -> None:
    x, w = numbers(9, 33), numbers(33)
    result = ops.check("rms_norm", {"x": x, "w": w}, rms_norm(x, 1 + w, 1e-6), eps=1e-6)
    assert result.verdict == "FAILED"
    assert result.causes == ["norm_offset_added"]
    assert result.tap == "out"


def test_several_outputs_have_names() -> None:
    logits = numbers(6, 8)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    ids = np.argsort(-p, -1)[:, :2]
    weights = np.take_along_axis(p, ids, -1)
    weights = weights / weights.sum(-1, keepdims=True)
    assert ops.check("route", {"logits": logits}, {"ids": ids, "weights": weights}).verdict != "FAILED"
    wrong = ops.check("route", {"logits": logits}, {"ids": ids, "weights": weights[:, ::-1]})
    assert wrong.verdict == "FAILED"


def test_a_call_without_a_meaning_is_an_error() -> None:
    x = numbers(9, 33)
    with pytest.raises(CallError, match="eps"):
        ops.check("rms_norm", {"x": x}, x, eps=-1)
    with pytest.raises(TypeError, match="complex"):
        ops.check("rms_norm", {"x": x.astype(complex)}, x)


def test_the_listing_has_every_op() -> None:
    names = {op["name"] for op in ops.listing()}
    assert {"rms_norm", "attention", "gated_delta_rule", "router_experts", "rope_cache"} <= names
