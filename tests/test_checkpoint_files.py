"""What is in the folder of checkpoints: damage, locks, full disks, processes killed."""

import errno
import gc
import os
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from _tools import FullDisk
from conftest import KINDS, OURS, Killed, differences, snapshot, table

from sklearn_backprop import Checkpoint, TabularMLPClassifier, _files
from sklearn_backprop.checkpoint import format, locks
from sklearn_backprop.checkpoint.files import Store

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("no_waiting_for_the_disk"),
]


def new(kind, **settings):
    defaults = {"max_iter": 8, "random_state": 0, "learning_rate_init": 0.02}
    return OURS[kind]((6, 5), batch_size=60, **{**defaults, **settings})


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def cut_off(kill_after, tmp_path):
    """A job that was cut off after three epochs: what fits it, and its checkpoint."""
    X, y = table("iris")
    model = new("classifier", early_stopping=True, solver="sgd", dropout=0.1)
    kill_after(3)
    with pytest.raises(Killed):
        model.fit(X, y, checkpoint=Checkpoint(tmp_path))
    (path,) = tmp_path.iterdir()
    return lambda model: model.fit(X, y, checkpoint=Checkpoint(tmp_path)), model, path


def rewritten(change):
    """Damage to a file: its header and tree, changed by a function."""

    def damage(path):
        with path.open("rb") as file:
            header, tree_of = format.read(file)
            tree = tree_of()
        change(header, tree)
        with path.open("wb") as file:
            format.write(file, header, tree)

    return damage


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def in_run(**values):
    return rewritten(lambda header, tree: tree["parts"][0]["run"].update(values))


def in_header(**values):
    return rewritten(lambda header, tree: header.update(values))


def in_tree(**values):
    return rewritten(lambda header, tree: tree.update(values))


def parameters(function):
    def change(header, tree):
        tree["parts"][0]["parameters"] = function(tree["parts"][0]["parameters"])

    return rewritten(change)


def set_to_nan(array):
    array[3] = np.nan
    return array


def save_array(path, array):
    with path.open("wb") as file:
        np.save(file, array)


DAMAGES = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "empty": lambda path: path.write_bytes(b""),
    "flipped": flipped,
    "text": lambda path: path.write_text("no checkpoint"),
    "array": lambda path: save_array(path, np.arange(3)),
    "arrays": lambda path: np.savez(path, weights=np.arange(3)),
    "pickle": lambda path: np.savez(path, header=np.array([{}], dtype=object)),
    "foreign": in_header(what="a model of another package"),
    "newer": in_header(format=2),
    "older": in_header(version="0.0.1"),
    "other job": in_header(job="0" * 32),
    "shape": parameters(lambda array: array[:-1]),
    "dtype": parameters(lambda array: array.astype(np.float32)),
    "nan": parameters(set_to_nan),
    "no parts": in_tree(parts=[]),
    "no generator": in_tree(rng={}),
    "outcome": in_tree(outcome=3),
    "rows": in_run(rows=np.arange(7)),
    "repeated rows": in_run(rows=np.zeros(135, dtype=np.int64)),
    "no rows": in_run(rows=None),
    "split": in_run(validation_rows=np.arange(15)),
    "data": in_run(data=(150, 1, 2)),
    "scoring": in_run(scoring="loss"),
    "optimizer": in_run(optimizer="Adam"),
    "moments": in_run(moments={"n_updates": 3}),
    "no moments": in_run(moments=None),
    "best": in_run(best_parameters=np.ones(3)),
    "curve": in_run(loss_curve=[1.0, float("nan"), 1.0]),
    "short curve": in_run(loss_curve=[1.0]),
    "epochs": in_run(n_iter=-1),
    "patience": in_run(n_without_improvement=None),
    "masks": in_run(mask_seed=1.5),
    "more": in_run(more=1),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_file_that_is_not_what_it_must_be_is_refused(name, cut_off, kill_after):
    fit, _, path = cut_off
    DAMAGES[name](path)
    before = contents(path.parent)
    X, y = table("iris")
    model = new("classifier", early_stopping=True, solver="sgd", dropout=0.1)
    model.fit(X, y)
    fitted = snapshot(model)
    kill_after(None)
    with pytest.raises(ValueError, match=r"The checkpoint .*\.npz .*Remove it") as info:
        fit(model)
    assert str(path) in str(info.value)
    assert differences(vars(model), fitted) == []
    assert contents(path.parent) == before
    path.unlink()  # As the error says.
    assert differences(vars(fit(model)), fitted) == []


def test_when_the_last_is_removed_the_one_before_counts(kill_after, tmp_path):
    X, y = table("iris")
    kill_after(5)
    with pytest.raises(Killed):
        new("classifier").fit(X, y, checkpoint=Checkpoint(tmp_path, keep=2))
    older, newer = sorted(tmp_path.iterdir())
    newer.unlink()
    kill_after(1)
    with pytest.raises(Killed):
        new("classifier").fit(X, y, checkpoint=Checkpoint(tmp_path, keep=2))
    assert sorted(tmp_path.iterdir()) == [older, newer]


@pytest.mark.parametrize("n_bytes", [0, 10, 1000, 2500, 6000])
def test_a_full_disk_loses_nothing(n_bytes, cut_off, kill_after, monkeypatch):
    fit, model, path = cut_off
    before = contents(path.parent)
    state = snapshot(model)

    def opened(name, mode):
        file = open(name, mode)  # noqa: SIM115
        return file if mode == "rb" else FullDisk(file, n_bytes)

    with monkeypatch.context() as patch:
        patch.setattr(_files, "open", opened, raising=False)
        kill_after(None)
        with pytest.raises(OSError, match="cannot be written.*[Nn]o space") as info:
            fit(model)
    assert info.value.errno == errno.ENOSPC
    assert contents(path.parent) == before
    assert differences(vars(model), state) == []
    assert fit(model).n_iter_ == 8
    # An archive left open would be finished now, in a file that is closed.
    del info
    gc.collect()


@pytest.mark.parametrize("name", ["open", "replace", "mkdir"])
def test_a_folder_that_cannot_be_written_to_is_named(name, tmp_path, monkeypatch):
    X, y = table("iris")
    model = new("classifier").fit(X, y)
    state = snapshot(model)

    def refused(*args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    owner = {"mkdir": Path}.get(name, os)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, refused)
        with pytest.raises(PermissionError, match="checkpoint.* cannot be"):
            model.fit(X, y, checkpoint=Checkpoint(tmp_path))
    assert differences(vars(model), state) == []
    assert contents(tmp_path) == {}


def test_a_file_is_no_folder(tmp_path):
    X, y = table("iris")
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OSError, match="folder of checkpoints cannot be made"):
        new("classifier").fit(X, y, checkpoint=Checkpoint(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "kept"


REFUSED = [
    ("folder", TypeError, "must be a Checkpoint, such as"),
    (
        Checkpoint(None),
        ValueError,
        "path must be the path of a folder as str or PathLike, got None",
    ),
    (Checkpoint(b"f"), ValueError, "path must be .* as str or PathLike, got b'f'"),
    (Checkpoint("a\0b"), ValueError, "path must be the path of a folder"),
    (Checkpoint(""), ValueError, "path must be the path of a folder"),
    (Checkpoint("f", every=0), ValueError, "every must be an integer of at least 1"),
    (Checkpoint("f", keep=1.5), ValueError, "keep must be .* got 1.5"),
]


@pytest.mark.parametrize("family", ["plain", "tabular"])
@pytest.mark.parametrize(("checkpoint", "error", "message"), REFUSED, ids=str)
def test_impossible_checkpoints_are_refused(family, checkpoint, error, message):
    X, y = table("iris")
    model = new("classifier") if family == "plain" else TabularMLPClassifier()
    with pytest.raises(error, match=message):
        model.fit(X, y, checkpoint=checkpoint)
    assert not hasattr(model, "n_iter_")


@pytest.mark.parametrize("kind", KINDS)
def test_lbfgs_has_no_checkpoints(kind, tmp_path):
    X, y = table("iris")
    with pytest.raises(ValueError, match="checkpoint does not go with solver='lbfgs'"):
        new(kind, solver="lbfgs").fit(X, y > "", checkpoint=Checkpoint(tmp_path))
    assert contents(tmp_path) == {}


def test_a_setting_that_nothing_is_known_of_is_refused(tmp_path):
    class Unknown:
        def __call__(self, model, X, y):
            return 1.0

        def __reduce_ex__(self, protocol):
            raise TypeError("no way")

        def __deepcopy__(self, memo):
            return self

    X, y = table("iris")
    with pytest.raises(TypeError, match="cannot be told from others of its kind"):
        new("classifier", scoring=Unknown()).fit(X, y, checkpoint=Checkpoint(tmp_path))


WAITS = "Another fit of the same job .* waits for it to end"


@pytest.fixture
def meanwhile(monkeypatch):
    """Do something when the first checkpoint has been written, by its own fit."""
    write, left = Store.write, []

    def writing(self, *args):
        write(self, *args)
        if left:
            left.pop()()

    monkeypatch.setattr(Store, "write", writing)
    return left.append


@pytest.mark.parametrize("family", ["plain", "tabular"])
def test_the_second_fit_of_a_job_waits_and_reads_what_the_first_has_written(
    family, meanwhile, tmp_path, monkeypatch
):
    X, y = table("iris")
    is_waiting, seconds = threading.Event(), []

    def fit():
        model = TabularMLPClassifier(2, max_iter=4, random_state=0)
        model = new("classifier") if family == "plain" else model
        return model.fit(X, y, checkpoint=Checkpoint(tmp_path))

    def fit_again():
        seconds.append(pool.submit(fit))
        assert is_waiting.wait(60)

    def sleep(seconds):
        is_waiting.set()
        time.sleep(seconds)

    meanwhile(fit_again)
    monkeypatch.setattr(locks, "time", SimpleNamespace(sleep=sleep))
    with ThreadPoolExecutor(1) as pool, pytest.warns(UserWarning, match=WAITS) as said:
        first = fit()
        before = contents(tmp_path)
        assert differences(vars(seconds[0].result()), vars(first)) == []
    assert [WAITS[:20] in str(warning.message) for warning in said].count(True) == 1
    assert str(tmp_path) in "".join(str(warning.message) for warning in said)
    (name,) = {name for name in before if name.endswith(".npz")}
    assert contents(tmp_path) == {name: before[name]}


def test_ctrl_c_ends_the_wait(meanwhile, tmp_path, monkeypatch):
    X, y = table("iris")
    model = new("classifier", max_iter=2).fit(X, y)
    state = snapshot(model)

    def interrupted(seconds):
        raise KeyboardInterrupt

    def fit_again():
        with pytest.raises(KeyboardInterrupt):
            model.set_params(max_iter=8).fit(X, y, checkpoint=Checkpoint(tmp_path))

    meanwhile(fit_again)
    monkeypatch.setattr(locks, "time", SimpleNamespace(sleep=interrupted))
    with pytest.warns(UserWarning, match=WAITS):
        first = new("classifier").fit(X, y, checkpoint=Checkpoint(tmp_path))
    assert first.n_iter_ == 8
    assert differences(vars(model), {**state, "max_iter": 8}) == []


def test_jobs_that_differ_in_anything_have_names_of_their_own(tmp_path):
    X, y = table("iris")
    changed = X.copy()
    changed[77, 1] = np.nextafter(changed[77, 1], 9.0)
    weights = np.ones(len(y))
    new("classifier").fit(X, y, checkpoint=Checkpoint(tmp_path))
    fits = [
        (new("classifier"), changed, y, {}),
        (new("classifier"), X, np.where(y == "setosa", "other", y), {}),
        (new("classifier"), X, y, {"sample_weight": weights}),
        (new("classifier"), X, y, {"X_val": X, "y_val": y}),
        (new("classifier", random_state=1), X, y, {}),
        (new("classifier", max_iter=9), X, y, {}),
        (new("classifier", dropout=0.1), X, y, {}),
        (new("classifier", dtype="float32"), X, y, {}),
    ]
    for n_files, (model, X, y, given) in enumerate(fits, start=2):
        model.fit(X, y, checkpoint=Checkpoint(tmp_path), **given)
        assert len(contents(tmp_path)) == n_files
    new("classifier", verbose=True).fit(*table("iris"), checkpoint=Checkpoint(tmp_path))
    assert len(contents(tmp_path)) == n_files


def test_trees_come_back_as_they_were(tmp_path):
    tree = {
        "numbers": [1, 2.5, True, None, float("inf"), "text", np.float32(0.1)],
        "curve": [0.1, 1e-300, -0.0],
        "pair": (1, (2.0,)),
        "arrays": {"a": np.arange(6.0).reshape(2, 3), "b": np.array([], np.int32)},
        "empty": [{}, [], ()],
        "big": 2**100,
    }
    with (tmp_path / "file").open("wb") as file:
        format.write(file, {"n": 1}, tree)
    with (tmp_path / "file").open("rb") as file:
        header, tree_of = format.read(file)
        assert differences(tree_of(), tree) == []
    assert header == {"n": 1}
    for value in (object(), {1: 2}, np.array([None])):
        with pytest.raises(TypeError, match="no plain value"):
            format.write(file, {}, {"value": value})


# Fits one job again and again, each time in a process of its own, which is killed
# after some epochs and a part of the next, or in the midst of a write. There it
# waits for the signal, however late that comes.
KILLING = """
import os, pickle, random, signal, sys, time, types, warnings
from sklearn.datasets import load_digits
from sklearn_backprop import Checkpoint, MLPClassifier, TabularMLPClassifier
from sklearn_backprop.optimizers import AdamW
from sklearn_backprop.tabular.training import GroupTraining

warnings.simplefilter("ignore")
folder, family, n_kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
draw = random.Random(7)
X, y = load_digits(return_X_y=True)
X = X[:500] / 16
y = y[:500]
# What a scorer names in its module is part of its job; of a module just the name.
state = types.ModuleType("state")
state.writer, state.n_calls = None, 0

def signalling(function):
    def signal(*args):
        result = function(*args)
        state.n_calls += 1
        if state.writer is not None:
            if state.n_left == 0:
                time.sleep(600)
            state.n_left -= 1
            os.write(state.writer, b".")  # An epoch is all but done.
        return result
    return signal

@signalling
def scoring(model, X, y):
    return model.score(X, y)

GroupTraining.epoch = signalling(GroupTraining.epoch)

def fit(**given):
    if family == "tabular":
        model = TabularMLPClassifier(2, max_iter=8, dropout=0.1, random_state=0)
        return model.fit(X, y, **given)
    model = MLPClassifier(
        (20,), max_iter=150, batch_size=50, solver=AdamW(averaging=0.9), dropout=0.1,
        learning_rate="cosine", early_stopping=True, scoring=scoring, random_state=0,
        n_iter_no_change=200,
    )
    return model.fit(X, y, **given)

n_killed = 0
while n_killed < n_kills:
    reader, state.writer = os.pipe()
    n_epochs = state.n_left = draw.randint(1, 4)
    child = os.fork()
    if child == 0:
        fit(checkpoint=Checkpoint(folder, keep=2))
        os._exit(0)
    os.close(state.writer)
    for _ in range(n_epochs):
        os.read(reader, 1)
    time.sleep(draw.choice([0.0, 0.001, 0.003, 0.01]) * draw.random())
    os.kill(child, signal.SIGKILL)
    os.close(reader)
    if os.waitpid(child, 0)[1] == signal.SIGKILL:
        n_killed += 1
    else:
        break
state.writer = None
resumed = fit(checkpoint=Checkpoint(folder, keep=2))
n_resumed = state.n_calls
whole = fit()
n_whole = state.n_calls - n_resumed
for model in [resumed, whole] if family == "plain" else []:
    model.scoring = None
with open(os.path.join(folder, "models"), "wb") as file:
    pickle.dump((n_killed, n_whole - n_resumed, resumed, whole), file)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="There is no fork here.")
@pytest.mark.parametrize(("family", "n_kills"), [("plain", 20), ("tabular", 4)])
def test_a_process_that_is_killed_often_ends_as_if_it_had_not_been(
    family, n_kills, tmp_path
):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KILLING, tmp_path, family, str(n_kills)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    content = (tmp_path / "models").read_bytes()
    n_killed, n_spared, resumed, whole = pickle.loads(content)
    assert n_killed == n_kills
    assert n_spared > 0  # Epochs that those which were killed had done.
    assert differences(vars(resumed), vars(whole)) == []
    X = np.random.default_rng(0).standard_normal((50, 64))
    np.testing.assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))
