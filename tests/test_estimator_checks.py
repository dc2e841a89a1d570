"""scikit-learn's own checks: no failure, none expected, none skipped."""

import pytest
from conftest import KINDS, OURS, passes
from sklearn.utils.estimator_checks import parametrize_with_checks

# Left alone, L-BFGS drives probabilities to exactly 0 and 1, and its line search
# makes much of differences in rounding.
VARIANTS = [{}, {"solver": "sgd"}, {"solver": "lbfgs", "alpha": 1.0, "max_iter": 20}]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([OURS[kind](**row) for kind in KINDS for row in VARIANTS])
def test_scikit_learn_check(estimator, check):
    passes(estimator, check)
