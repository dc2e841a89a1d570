"""Several networks side by side as one, beside as many trainings of single networks.

Steps (loss, gradient, Adam) of 2, 4 and 8 networks of one shape that see the same
batches of the same rows. "stacked" has a leading axis for the networks in every array;
"one by one" trains each after the other, with as many BLAS threads; "in threads" trains
them in two Python threads with one BLAS thread each, and "in processes" in two
processes, which are started before. Times are per step of all networks; ratios say how
many times faster than one by one.
"""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from _common import (
    Report,
    argument_parser,
    count,
    figure,
    interleave,
    parse,
    pinned_threads,
    times,
)
from _data import Shape, synthetic
from sklearn_backprop.layers import ReLU, glorot_uniform
from sklearn_backprop.losses import SoftmaxCategoricalCrossentropy
from sklearn_backprop.network import Network, dense_stack, stack_networks
from sklearn_backprop.optimizers import Adam

SHAPES = (
    Shape(1000, 30, (32,), 3, 200, epochs=100),
    Shape(1000, 30, (100,), 3, 200, epochs=50),
    Shape(1000, 50, (256, 128), 5, 200, epochs=5),
)
SIZES = (2, 4, 8)
ONE_BY_ONE, STACKED = "one by one", "stacked"
THREADS, PROCESSES = "in threads", "in processes"


def build(shape, seed, dtype):
    """Return a network with parameters of its own."""
    rng = np.random.RandomState(seed)
    drawn = [glorot_uniform(rng, *units, dtype=dtype) for units in shape.layers]
    layers = dense_stack(*zip(*drawn, strict=True), ReLU)
    return Network(layers, SoftmaxCategoricalCrossentropy(), alpha=1e-4).flatten()


def trainer(network, shape, X, y):
    """Return a function of nothing: some epochs over the rows as they stand."""
    optimizer = Adam()
    state = optimizer.new_state(network.parameters)
    update = optimizer._update_function(network.parameters, network.gradients, state)

    def run():
        for _ in range(shape.epochs):
            for start in range(0, shape.n_samples, shape.batch_size):
                rows = slice(start, start + shape.batch_size)
                network.loss_gradient(X[rows], y[rows])
                update(0.001)

    return run


def train_in_process(shape, seed, dtype):
    """Train one network, made where it is trained."""
    with pinned_threads(1):
        trainer(build(shape, seed, dtype), shape, *synthetic(shape, dtype))()


def contestants(shape, size, dtype, n_threads, threads, processes):
    """Return a callable of each way to train so many networks."""
    X, y = synthetic(shape, dtype)
    networks = [build(shape, seed, dtype) for seed in range(size)]
    singles = [trainer(network, shape, X, y) for network in networks]
    stacked = trainer(stack_networks(networks), shape, X, y)

    def one_by_one():
        for single in singles:
            single()

    ways = {ONE_BY_ONE: one_by_one, STACKED: stacked}
    if n_threads > 1:

        def in_threads():
            with pinned_threads(1):
                list(threads.map(lambda single: single(), singles))

        def in_processes():
            jobs = zip(*((shape, seed, dtype) for seed in range(size)), strict=True)
            list(processes.map(train_in_process, *jobs))

        ways |= {THREADS: in_threads, PROCESSES: in_processes}
    return ways


def table(n_threads, args, threads, processes):
    """Return the rows of the table for a number of threads."""
    rows = []
    for shape in SHAPES:
        if args.short:
            shape = replace(shape, epochs=max(1, shape.epochs // 10))
        for dtype in ("float32", "float64"):
            for size in SIZES:
                ways = contestants(shape, size, dtype, n_threads, threads, processes)
                n_steps = shape.epochs * -(-shape.n_samples // shape.batch_size)
                timings = interleave(ways, args.rounds, per=n_steps)
                alone = timings.pop(ONE_BY_ONE)
                hidden = ",".join(map(str, shape.hidden))
                label = f"{shape.n_features}-({hidden})-{shape.n_classes}"
                label = f"{count(size, 'network')} {label}"
                ratios = [times(way.times_faster(alone)) for way in timings.values()]
                first = f"{figure(1e6 * alone.median)}"
                rows.append((f"{label}, {dtype}", first, *ratios))
    return rows


def main(argv=None):
    parser = argument_parser(__doc__, rounds=5, short_rounds=2, threads=(1, 2))
    args = parse(parser, argv)
    with (
        Report("stacked", args) as report,
        ThreadPoolExecutor(2) as threads,
        ProcessPoolExecutor(2) as processes,
    ):
        for n_threads in args.threads:
            with pinned_threads(n_threads):
                rows = table(n_threads, args, threads, processes)
            header = ["", "one by one, us", STACKED]
            header += [THREADS, PROCESSES] if n_threads > 1 else []
            report.say(f"**{count(n_threads, 'BLAS thread')}**")
            report.table(header, rows)


if __name__ == "__main__":
    main()
