"""Inputs of kernels."""

import torch


def numbers(random, dtype, *shape, scale=1.0):
    return (torch.randn(*shape, generator=random) * scale).to(dtype)


def size(random, least, most):
    return int(torch.randint(least, most + 1, (), generator=random))
