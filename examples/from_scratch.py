"""A network stacked and trained by hand: what the estimators do, in the open.

Layers, a loss and an optimizer are enough. `flatten` moves the parameters of all
layers into one vector and their gradients into another, so that the optimizer takes
one step for the whole network.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_backprop.layers import Dense, ReLU
from sklearn_backprop.losses import SoftmaxCategoricalCrossentropy
from sklearn_backprop.network import flatten
from sklearn_backprop.optimizers import Adam

X, y = load_digits(return_X_y=True)
X = X / 16.0  # From 16 shades of grey to [0, 1].
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

rng = np.random.default_rng(0)
layers = [Dense(64, 100, random_state=rng), ReLU(), Dense(100, 10, random_state=rng)]
parameters, gradients = flatten(layers)
loss = SoftmaxCategoricalCrossentropy()
optimizer = Adam(learning_rate=0.005)


def forward(values):
    for layer in layers:
        values = layer.forward(values)
    return values


print(f"{len(X_train)} images, {len(parameters)} parameters")
for epoch in range(1, 11):
    losses = []
    for rows in np.array_split(rng.permutation(len(X_train)), 20):
        logits = forward(X_train[rows])
        losses.append(loss.calculate(logits, y_train[rows]))
        dvalues = loss.backward(logits, y_train[rows])
        for layer in reversed(layers):
            dvalues = layer.backward(dvalues)
        optimizer.update(parameters, gradients)
    print(f"epoch {epoch:2}  loss {np.mean(losses):.4f}")

accuracy = np.mean(forward(X_test).argmax(axis=1) == y_test)
print(f"test accuracy {accuracy:.3f}")
