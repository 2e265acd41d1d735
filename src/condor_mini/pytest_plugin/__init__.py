"""The pytest plugin: fixtures and options for tests on a real pool.

pytest loads it by its entry point, whether a test needs a pool or not. So nothing here imports the
rest of the package before a fixture or an option is used.
"""

from condor_mini.pytest_plugin.fixtures import (
    condor_client,
    condor_faults,
    condor_pool,
    condor_pool_factory,
    condor_series,
    condor_submit,
    module_condor_pool_factory,
    session_condor_pool_factory,
)
from condor_mini.pytest_plugin.hooks import (
    pytest_addoption,
    pytest_configure,
    pytest_configure_node,
    pytest_generate_tests,
    pytest_runtest_call,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_sessionfinish,
    pytest_terminal_summary,
)

__all__ = [
    "condor_client",
    "condor_faults",
    "condor_pool",
    "condor_pool_factory",
    "condor_series",
    "condor_submit",
    "module_condor_pool_factory",
    "pytest_addoption",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_generate_tests",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "session_condor_pool_factory",
]
