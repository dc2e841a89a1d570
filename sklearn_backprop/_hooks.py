"""What subclasses of scikit-learn's estimators may count on, and not find here."""

import warnings

# Methods of scikit-learn's estimators that a subclass of theirs may have written anew,
# and where the same is done here.
HOOKS = {
    "_backprop": "a layer as activation, or a loss of your own as loss",
    "_compute_loss_grad": "a loss of your own as loss",
    "_fit": "fit and partial_fit",
    "_fit_lbfgs": "solver",
    "_fit_stochastic": "a solver and a learning_rate of your own",
    "_forward_pass": "a layer of your own as activation",
    "_forward_pass_fast": "a layer of your own as activation",
    "_init_coef": "from_arrays with warm_start=True",
    "_initialize": "from_arrays with warm_start=True",
    "_loss_grad_lbfgs": "a loss of your own as loss",
    "_predict": "predict",
    "_score": "score",
    "_score_with_function": "score",
    "_update_no_improvement_count": "n_iter_no_change and tol, or partial_fit",
    "_validate_input": "fit and partial_fit",
}


def warn_of_hooks(estimator):
    """Warn of private methods that an estimator has and that nothing calls.

    Parameters
    ----------
    estimator : BaseMLP
    """
    hooks = [
        f"{name} (use {HOOKS[name]})" for name in HOOKS if hasattr(estimator, name)
    ]
    if hooks:
        warnings.warn(
            f"{type(estimator).__name__} defines private methods of scikit-learn's "
            f"estimators, which are not called here: {'; '.join(hooks)}.",
            stacklevel=5,
        )
