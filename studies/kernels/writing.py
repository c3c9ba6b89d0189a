"""Mistakes in writing the result, which any kernel may make."""

import math

import torch
from severity import STRUCTURAL, SUBTLE


def last_row_unwritten(y):
    y[-1] = 0


def tail_unwritten(y):
    y[..., -3:] = 0


def rows_shifted(y):
    y[1:] = y[:-1].clone()


def channels_exchanged(y):
    y[..., [0, 1]] = y[..., [1, 0]]


def one_row_twice(y):
    y[len(y) // 2] = y[len(y) // 2 - 1]


def block_stale(y):
    y[len(y) // 2 :, ..., : max(1, y.shape[-1] // 4)] = y[0, ..., : max(1, y.shape[-1] // 4)].clone()


def one_element_stale(y):
    y[len(y) // 2].view(-1)[y[0].numel() // 2] = y[0].view(-1)[0] + 1


def one_nan(y):
    y[-1].view(-1)[-1] = math.nan


def one_percent(y):
    y *= 1.01


def narrow_store(y):
    y.copy_(y.to(torch.bfloat16 if y.dtype == torch.float32 else torch.float8_e5m2))


WRITING = {
    last_row_unwritten: STRUCTURAL, tail_unwritten: STRUCTURAL, rows_shifted: STRUCTURAL,
    channels_exchanged: STRUCTURAL, one_row_twice: STRUCTURAL, block_stale: STRUCTURAL,
    one_element_stale: STRUCTURAL, one_nan: STRUCTURAL, one_percent: SUBTLE, narrow_store: SUBTLE,
}  # fmt: skip
