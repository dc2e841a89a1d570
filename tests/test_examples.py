"""Every script in examples/ runs without a warning and prints what it found."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
# The demo takes a minute: `make demo` runs it.
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py") if path.stem != "demo")


@cache
def printed_by(script):
    result = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / script],
        capture_output=True,
        text=True,
        timeout=600,  # For what never ends: the machine may be busy.
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_runs_and_prints_numbers(script):
    printed = printed_by(script)
    assert re.search(r"\d\.\d", printed)
    assert not re.search(r"\b(nan|inf)\b", printed)


def test_training_from_scratch_lowers_the_loss():
    printed = printed_by("from_scratch.py")
    losses = [float(number) for number in re.findall(r"loss (\S+)", printed)]
    assert len(losses) == 10
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 10
    assert float(re.search(r"test accuracy (\S+)", printed)[1]) > 0.95
