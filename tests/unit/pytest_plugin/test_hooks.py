"""What the plugin costs those who do not use it, and what signals come to."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pool_engine import PoolEngine

HEAVY = ("condor_mini.engines", "condor_mini.pool", "pydantic", "yaml", "htcondor2")
UNUSED = f"""
import sys

def pytest_unconfigure():
    print("loaded:", [name for name in {HEAVY} if name in sys.modules])

def test_it(): pass
"""


def test_unused_plugin_loads_nothing(pytester: pytest.Pytester) -> None:
    """A run that uses no pool imports nothing of what makes pools, and shows nothing."""
    pytester.makeconftest(UNUSED)
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest")
    assert result.outlines[-1] == "loaded: []"
    shown = [line for line in result.outlines if not line.startswith("plugins: ")]
    assert not [line for line in shown if "condor" in line.replace(str(pytester.path), "")]


def test_unused_plugin_leaves_nothing(pytester: pytest.Pytester, tmp_path: Path) -> None:
    """Without pools, workers of pytest-xdist leave no directory of a run."""
    pytester.makepyfile("def test_it(): pass")
    pytester.runpytest_subprocess("-n", "1").assert_outcomes(passed=1)
    assert not list(tmp_path.glob("state/condor-mini/pytest/*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_signal_removes_the_pool(
    pytester: pytest.Pytester, found: PoolEngine, number: signal.Signals
) -> None:
    """A signal ends a run in order: the pool is removed, and the status is that of the signal."""
    pytester.makepyfile(
        f"""
        import os

        def test_it(condor_pool):
            os.kill(os.getpid(), {int(number)})
        """
    )
    result = pytester.runpytest_inprocess()
    assert result.ret == 128 + number
    result.stdout.fnmatch_lines([f"*KeyboardInterrupt: {number.name}*"])
    assert found.networks({}) == []
    assert signal.getsignal(number) is signal.SIG_DFL


def test_internal_error_removes_the_pool(pytester: pytest.Pytester, found: PoolEngine) -> None:
    """An error in another plugin ends the run, and the pool is removed."""
    pytester.makeconftest(
        "def pytest_runtest_logfinish(): raise SystemError('an error of another plugin')"
    )
    pytester.makepyfile("def test_it(condor_pool): pass")
    result = pytester.runpytest_inprocess()
    assert result.ret is pytest.ExitCode.INTERNAL_ERROR
    assert found.networks({}) == []


def test_handler_of_the_users_stays(pytester: pytest.Pytester, found: PoolEngine) -> None:
    """A signal that the user's code handles is left to it."""
    del found
    pytester.makepyfile(
        """
        import os, signal

        came = []
        signal.signal(signal.SIGTERM, lambda number, _: came.append(number))

        def test_it(condor_pool):
            os.kill(os.getpid(), signal.SIGTERM)
            assert came == [signal.SIGTERM]
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_child_ends_by_its_signal(pytester: pytest.Pytester, found: PoolEngine) -> None:
    """A child that a test has forked ends by SIGTERM as it would without the plugin."""
    del found
    pytester.makepyfile(
        """
        import os, signal, time

        def test_it(condor_pool):
            ours, childs = os.pipe()
            child = os.fork()
            if not child:
                os.write(childs, b".")
                time.sleep(20)
                os._exit(0)
            os.read(ours, 1)  # Python forgets signals that come to a child before it runs
            os.kill(child, signal.SIGTERM)
            _, status = os.waitpid(child, 0)
            assert os.WTERMSIG(status) == signal.SIGTERM
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
