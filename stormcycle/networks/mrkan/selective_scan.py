"""The selective scan of S6 (Gu and Dao 2023, arXiv 2312.00752, algorithm 2), exact, in chunks.

h_t = exp(dt_t A) h_{t-1} + dt_t u_t B_t,  y_t = C_t . h_t, per direction, channel and state. All chunks take a step at the
same time, so the loop is over the tokens of one chunk; what a chunk hands on is carried over the chunks by doubling. There
is no division and no exp of a positive number, so that no length overflows; everything is computed in float32.
"""

from collections.abc import Callable, Sequence
from math import ceil, log2

import torch
from torch.nn import functional

CHUNK = 16
EXPORTED_LEVELS = 12
"""Doublings in an exported graph, where the count of chunks is free: enough for CHUNK x 2**12 tokens, 256 x 256 of them; more than needed do nothing."""


def selective_scan(u: torch.Tensor, dt: torch.Tensor, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, chunk: int = CHUNK) -> torch.Tensor:
    """y (n, direction, token, channel) of u and dt (the same; dt >= 0), a (direction, channel, state; < 0), b and c (n, direction, token, state).

    float32 whatever the inputs are; exact but for rounding, whatever the chunk.
    """
    u, dt, a, b, c = (part.float() for part in (u, dt, a, b, c))
    tokens = u.shape[2]
    chunks = (tokens + chunk - 1) // chunk
    directions, channels, states = a.shape

    def chunked(part: torch.Tensor, *last: int) -> torch.Tensor:
        """(n, direction, chunk, step, *last); zeros after the last token: where dt is 0 the state stays as it is."""
        padded = functional.pad(part, (0, 0, 0, chunk - 1))[:, :, : chunks * chunk]  # a pad of free width is many operations in a graph
        return padded.reshape(-1, directions, chunks, chunk, *last)

    # states are (n, direction, chunk, step, state, channel): the last axis is the long one
    dt, drive, b, c = chunked(dt, 1, channels), chunked(dt * u, 1, channels), chunked(b, states, 1), chunked(c, states, 1)
    a = a.transpose(1, 2)[None, :, None, None]
    passed = dt.cumsum(3)
    inside: list[torch.Tensor] = []
    for keep, come in zip(_by_step(lambda dt: torch.exp(dt * a), dt), _by_step(torch.mul, drive, b), strict=True):
        inside.append(keep * inside[-1] + come if inside else come)
    before = _carried(torch.exp(passed[:, :, :, -1] * a[:, :, 0]), inside[-1][:, :, :, 0])[:, :, :, None]

    def told(state: torch.Tensor, passed: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return ((state + torch.exp(passed * a) * before) * c).sum(-2)

    if torch.onnx.is_in_onnx_export():
        y = told(torch.cat(inside, 3), passed, c)
    else:
        y = torch.cat([told(*step) for step in zip(inside, passed.split(1, 3), c.split(1, 3), strict=True)], 3)
    return y.reshape(-1, directions, chunks * chunk, channels)[:, :, :tokens]


def _by_step(made: Callable[..., torch.Tensor], *parts: torch.Tensor) -> Sequence[torch.Tensor]:
    """What is made of each step of the parts. In an exported graph of all steps at once: a handful of operations instead of a handful a step, and
    ONNX Runtime takes a third of the time to open it; elsewhere that takes more memory and twice as long backwards.
    """
    if torch.onnx.is_in_onnx_export():
        return made(*parts).split(1, 3)
    return [made(*step) for step in zip(*(part.split(1, 3) for part in parts), strict=True)]


def _carried(decay: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    """The state before each chunk, from each chunk's decay and the state at its end when it begins with none: (n, direction, chunk, state, channel)."""
    chunks = state.shape[2]
    levels = EXPORTED_LEVELS if torch.onnx.is_in_onnx_export() else ceil(log2(chunks)) if chunks > 1 else 0
    for level in range(levels):
        state = state + decay * _later(state, 2**level)
        decay = decay * _later(decay, 2**level)
    return _later(state, 1)


def _later(part: torch.Tensor, shift: int) -> torch.Tensor:
    """Each chunk's value handed to the one `shift` later, 0 to the first ones; cut from the end, as a cut at the count of chunks would freeze in a graph."""
    return functional.pad(part, (0, 0, 0, 0, shift, 0))[:, :, :-shift]
