"""What `make test-kernels` runs, what it passes over, and what it makes of failures."""

import pytest
import run_kernels

# Kernels of OpenBLAS by the name asked for, on an imagined processor; None ends in an
# illegal instruction.
IMAGINED = {"Nehalem": "Nehalem", "Haswell": "Haswell", "Zen": "Haswell"}


@pytest.fixture
def processor(monkeypatch):
    """Two cores without AVX-512, on which OpenBLAS has no kernels for Zen."""

    def probe(environment):
        name = environment.get("OPENBLAS_CORETYPE", "Haswell")
        n_threads = min(int(environment.get("OPENBLAS_NUM_THREADS", 2)), 2)
        return [(IMAGINED[name], n_threads)] * 2 if name in IMAGINED else None

    monkeypatch.setattr(run_kernels, "probe", probe)


def test_what_can_be_run_is_and_the_rest_is_named(processor):
    runs, passed_over = run_kernels.plan(["Nehalem", "Zen", "SkylakeX"], [1, 4])
    assert runs == {
        "Nehalem": {"OPENBLAS_CORETYPE": "Nehalem"},
        "threads: 1": {"OPENBLAS_NUM_THREADS": "1"},
        "threads: 4 (OpenBLAS takes 2)": {"OPENBLAS_NUM_THREADS": "4"},
    }
    assert passed_over == {
        "Zen": "OpenBLAS takes its Haswell kernels instead",
        "SkylakeX": "the processor has not all of its instructions",
    }


def test_another_blas_is_passed_over(monkeypatch):
    monkeypatch.setattr(run_kernels, "probe", lambda environment: [])
    runs, passed_over = run_kernels.plan(["Nehalem"], [1])
    assert runs == {}
    assert list(passed_over) == ["Nehalem", "threads: 1"]


@pytest.mark.parametrize("failing", [None, "Nehalem", "Haswell"])
def test_one_failure_fails_the_whole_and_stops_nothing(
    failing, processor, monkeypatch, capsys
):
    calls = []

    def run(environment, arguments):
        calls.append((environment["OPENBLAS_CORETYPE"], arguments))
        return int(environment["OPENBLAS_CORETYPE"] == failing), "what pytest says"

    monkeypatch.setattr(run_kernels, "run", run)
    names = ["Nehalem", "Haswell", "Zen"]
    arguments = ["--coretypes", *names, "--threads", "--", "-x"]
    assert run_kernels.main(arguments) == int(failing is not None)
    assert calls == [("Nehalem", ["-x"]), ("Haswell", ["-x"])]
    summary = capsys.readouterr().out.partition("== summary\n")[2]
    assert [line.split()[:2] for line in summary.splitlines()] == [
        ["Zen:", "passed"],
        *[
            [f"{name}:", "failed," if name == failing else "passed"]
            for name in names[:2]
        ],
    ]


def test_a_name_that_openblas_does_not_know_is_refused():
    with pytest.raises(SystemExit):
        run_kernels.main(["--coretypes", "Haswel", "--threads"])


def test_the_probe_finds_what_runs_now():
    pairs = run_kernels.probe({})
    assert all(isinstance(name, str) and n_threads >= 1 for name, n_threads in pairs)
