"""One BLAS thread, two, and a batch shared out between two Python threads.

A training step (loss, gradient, Adam) of one network on one batch. "shared" gives each
of two Python threads half the rows and a gradient vector of its own, BLAS one thread
each, then adds the gradients and steps half of the parameters per thread: the way in
which threads could also speed up what BLAS does not do.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from _common import Report, argument_parser, figure, interleave, parse, pinned_threads
from _data import Shape
from sklearn_backprop.layers import ReLU, glorot_uniform
from sklearn_backprop.losses import SoftmaxCategoricalCrossentropy
from sklearn_backprop.network import Network, dense_stack
from sklearn_backprop.optimizers import Adam

SHAPES = (
    Shape(200, 20, (100,), 3, 200, epochs=400),
    Shape(200, 64, (100,), 10, 200, epochs=200),
    Shape(512, 30, (64, 64), 3, 512, epochs=100),
    Shape(256, 50, (256, 128), 5, 256, epochs=40),
    Shape(200, 784, (100,), 10, 200, epochs=40),
    Shape(256, 784, (512, 256), 10, 256, epochs=6),
    Shape(512, 200, (1024, 1024), 10, 512, epochs=2),
)


def build(shape, dtype):
    """Return a network with new parameters."""
    rng = np.random.RandomState(0)
    drawn = [glorot_uniform(rng, *units, dtype=dtype) for units in shape.layers]
    layers = dense_stack(*zip(*drawn, strict=True), ReLU)
    return Network(layers, SoftmaxCategoricalCrossentropy(), alpha=1e-4).flatten()


def step_of(optimizer, parameters, gradients):
    """Return a function that takes a step."""
    state = optimizer.new_state(parameters)
    update = optimizer._update_function(parameters, gradients, state)
    return lambda: update(0.001)


def plain_steps(shape, X, y):
    """Return a callable: some steps of one network in the calling thread."""
    network = build(shape, X.dtype)
    update = step_of(Adam(), network.parameters, network.gradients)

    def run():
        for _ in range(shape.epochs):
            network.loss_gradient(X, y)
            update()

    return run


def shared_steps(shape, X, y, pool):
    """Return a callable: the same steps, each shared out between two threads."""
    twins = [build(shape, X.dtype) for _ in range(2)]
    parameters = twins[0].parameters
    middle = len(parameters) // 2
    halves = [slice(0, middle), slice(middle, None)]
    rows = [slice(0, len(X) // 2), slice(len(X) // 2, None)]
    gradients = twins[0].gradients
    updates = [step_of(Adam(), parameters[half], gradients[half]) for half in halves]

    def descend(i):
        twins[i].loss_gradient(X[rows[i]], y[rows[i]])

    def step(i):
        gradients = twins[0].gradients[halves[i]]
        gradients += twins[1].gradients[halves[i]]
        gradients *= 0.5
        updates[i]()
        twins[1].parameters[halves[i]] = parameters[halves[i]]

    def run():
        for _ in range(shape.epochs):
            for part in (descend, step):
                other = pool.submit(part, 1)
                part(0)
                other.result()

    return run


def pinned(n_threads, function):
    """Return a callable: the function with so many BLAS threads."""

    def run():
        with pinned_threads(n_threads):
            function()

    return run


def main(argv=None):
    args = parse(argument_parser(__doc__, rounds=9, short_rounds=2), argv)
    rng = np.random.default_rng(0)
    rows = []
    with Report("threads", args) as report, ThreadPoolExecutor(1) as pool:
        for shape in SHAPES:
            for dtype in ("float32", "float64"):
                X = rng.standard_normal((shape.n_samples, shape.n_features), dtype)
                y = rng.integers(0, shape.n_classes, shape.n_samples)
                steps = plain_steps(shape, X, y)
                contestants = {
                    "one": pinned(1, steps),
                    "two": pinned(2, steps),
                    "shared": pinned(1, shared_steps(shape, X, y, pool)),
                }
                times = interleave(contestants, args.rounds, per=shape.epochs)
                one, two, shared = times.values()
                rows.append(
                    (
                        f"{shape}, {dtype}",
                        f"{figure(1e6 * one.median)}",
                        f"{figure(two.times_faster(one))}x",
                        f"{figure(shared.times_faster(one))}x",
                        f"{figure(shared.times_faster(two))}x",
                    )
                )
        header = ["batch and network", "one thread, us", "two BLAS threads"]
        report.table([*header, "shared", "shared vs two BLAS"], rows)


if __name__ == "__main__":
    main()
