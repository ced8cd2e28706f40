"""Sessions with a known truth, to see whether the statistics find it; used by `make honesty` and the tests."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from vbench.stats.estimate import Floats


@dataclass(frozen=True)
class Noise:
    """What disturbs a session, as standard deviations of log cost; the defaults are MEASUREMENT.md's.

    `memory` is the AR(1) coefficient of the host's drift from one block to the next. A share `spikes` of iterations is
    delayed by an exponential of mean `spike`. `tail` is the degrees of freedom of the boots' t; 0 is normal.
    """

    boot: float = 0.01
    drift: float = 0.05
    memory: float = 0.9
    process: float = 0.01
    iteration: float = 0.02
    spikes: float = 0.05
    spike: float = 0.2
    tail: int = 0


@dataclass(frozen=True)
class Size:
    """How many sessions of how many boots, blocks and iterations."""

    sessions: int
    boots: int
    blocks: int = 2
    iterations: int = 5


def simulate(rng: Generator, noise: Noise, size: Size, effect: float = 0.0, *, interleaved: bool = True) -> Floats:
    """Return log costs of bare and of a target that truly costs e**effect times as much.

    The shape is (sessions, 2, boots, blocks, iterations), bare first. Where not `interleaved`, all of bare runs before
    all of the target, which is what MEASUREMENT.md forbids.
    """
    per_block = (size.sessions, 2, size.boots, size.blocks, 1)
    log = _host(rng, noise, size, interleaved=interleaved)[..., None] + _boots(rng, noise, size)
    log = log + rng.normal(0, noise.process, per_block)
    every = (*per_block[:-1], size.iterations)
    log = log + rng.normal(0, noise.iteration, every)
    log += np.where(rng.random(every) < noise.spikes, rng.exponential(noise.spike, every), 0.0)
    log[:, 1] += effect
    return log


def differences(log: Floats) -> Floats:
    """Return D[k] of simulated log costs, shape (sessions, boots): medians over iterations, means over blocks."""
    blocks = np.median(log, axis=-1)
    result: Floats = (blocks[:, 1] - blocks[:, 0]).mean(axis=-1)
    return result


def _boots(rng: Generator, noise: Noise, size: Size) -> Floats:
    shape = (size.sessions, 2, size.boots, 1, 1)
    if not noise.tail:
        return rng.normal(0, noise.boot, shape)
    unit = np.sqrt((noise.tail - 2) / noise.tail)  # a t of v degrees has the variance v / (v - 2)
    return np.asarray(rng.standard_t(noise.tail, shape) * unit * noise.boot, dtype=np.float64)


def _host(rng: Generator, noise: Noise, size: Size, *, interleaved: bool) -> Floats:
    """Return the host's drift as each block met it, shape (sessions, 2, boots, blocks)."""
    slots = 2 * size.boots * size.blocks
    shocks = rng.normal(0, noise.drift, (slots, size.sessions))
    shocks[1:] *= np.sqrt(1 - noise.memory**2)
    for now in range(1, slots):
        shocks[now] += noise.memory * shocks[now - 1]
    if not interleaved:
        return shocks.T.reshape(size.sessions, 2, size.boots, size.blocks)
    pairs = shocks.T.reshape(size.sessions, size.boots, size.blocks, 2)
    return np.moveaxis(rng.permuted(pairs, axis=-1), -1, 1)
