"""Searches on Dask and Ray: `make test-engines`, apart from the suite."""

import os
import warnings

import dask
import pytest
import ray
from _engines import SEARCHES, assert_same_search, searched
from dask.distributed import Client, LocalCluster
from ray.util.joblib import register_ray

# Of the engines themselves and of what they import, in their own processes too.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def dask_workers():
    """Two worker processes on this machine, of one thread each."""
    settings = {
        "distributed.worker.daemon": True,
        "distributed.comm.timeouts.connect": "5 minutes",  # The machine may be busy.
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        assert len({os.getpid(), *client.run(os.getpid).values()}) == 3
        yield {}


@pytest.fixture(scope="module")
def ray_workers():
    """Two worker processes on this machine, of one thread each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(
            "local",  # Whatever cluster the environment names.
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
        )
        register_ray()
    yield {}
    ray.shutdown()


@pytest.mark.parametrize("kind", SEARCHES)
@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_search_has_the_scores_of_one_process(backend, kind, request):
    settings = request.getfixturevalue(f"{backend}_workers")
    assert_same_search(searched(kind, backend, **settings), searched(kind))
