"""Who else runs: torch, and the matrix products without anything around them."""

import numpy as np

from _common import FLOOR, TORCH
from _estimators import fits, settings

try:
    import torch
except ImportError:
    torch = None


class TorchClassifier:
    """An eager `torch.nn.Sequential` with scikit-learn's loss, penalty and batches."""

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        *,
        solver="adam",
        alpha=1e-4,
        batch_size=200,
        learning_rate_init=1e-3,
        max_iter=200,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter

    def fit(self, X, y):
        """Train a new network for `max_iter` epochs."""
        X, y = self._begin(X, y)
        self.loss_curve_ = [self._epoch(X, y) for _ in range(self.max_iter)]
        return self

    def partial_fit(self, X, y):
        """Train for one epoch, going on where the last call ended."""
        if not hasattr(self, "network_"):
            self._tensors = self._begin(X, y)
        self._epoch(*self._tensors)
        return self

    def _begin(self, X, y):
        torch.manual_seed(0)
        dtype = torch.from_numpy(X[:1]).dtype
        n_classes = int(y.max()) + 1
        n_outputs = 1 if n_classes == 2 else n_classes
        layers, n_inputs = [], X.shape[1]
        for n_neurons in self.hidden_layer_sizes:
            layers += [torch.nn.Linear(n_inputs, n_neurons), torch.nn.ReLU()]
            n_inputs = n_neurons
        layers.append(torch.nn.Linear(n_inputs, n_outputs))
        self.network_ = torch.nn.Sequential(*layers).to(dtype)
        # One parameter group decays the biases too, unlike scikit-learn; a second
        # group would cost torch another kernel launch per step.
        options = {"weight_decay": self.alpha / self.batch_size, "fused": True}
        parameters, rate = self.network_.parameters(), self.learning_rate_init
        if self.solver == "adam":
            self.optimizer_ = torch.optim.Adam(parameters, rate, **options)
        else:
            options |= {"momentum": 0.9, "nesterov": True}
            self.optimizer_ = torch.optim.SGD(parameters, rate, **options)
        y = torch.from_numpy(y)
        if n_outputs == 1:
            self.loss_ = torch.nn.BCEWithLogitsLoss()
            y = y[:, None].to(dtype)
        else:
            self.loss_ = torch.nn.CrossEntropyLoss()
        return torch.from_numpy(X), y

    def _epoch(self, X, y):
        total = torch.zeros(())
        for rows in torch.randperm(len(X)).split(self.batch_size):
            loss = self.loss_(self.network_(X[rows]), y[rows])
            self.optimizer_.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer_.step()
            total += loss.detach() * len(rows)
        return total.item() / len(X)


def matrix_products(shape, dtype):
    """Return a callable: the matrix products of `shape.epochs` epochs, nothing else.

    Per batch and layer the outputs and the weight gradients, and for all layers but
    the first the input gradients, into memory allocated before.
    """
    rng = np.random.default_rng(0)

    def batch(n_rows):
        products = []
        for i, (n_inputs, n_neurons) in enumerate(shape.layers):
            sizes = (n_rows, n_inputs), (n_inputs, n_neurons), (n_rows, n_neurons)
            X, W, Z = (rng.standard_normal(size, dtype=dtype) for size in sizes)
            products += [(X, W, np.empty_like(Z)), (X.T, Z, np.empty_like(W))]
            if i:
                products.append((Z, W.T, np.empty_like(X)))
        return products

    full, short = divmod(shape.n_samples, shape.batch_size)
    whole = batch(shape.batch_size)
    rest = batch(short) if short else []

    def run():
        for _ in range(shape.epochs):
            for products in (*[whole] * full, rest):
                for left, right, out in products:
                    np.matmul(left, right, out=out)

    return run


def everyone(shape, X, y, solver="adam"):
    """Return a `fit` of `shape.epochs` epochs for all estimators, and the floor."""
    contestants = fits(shape, X, y, solver)
    if torch:
        model = TorchClassifier(**settings(shape, solver))
        contestants[TORCH] = lambda: model.fit(X, y)
    contestants[FLOOR] = matrix_products(shape, X.dtype)
    return contestants
