"""A whole run must have run every test that docs/regulation.toml names."""

from __future__ import annotations

import fnmatch

import pytest

from installer.regulation import duties

_ran: set[str] = set()
_missing: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.skipped:  # what is skipped has said why
        _ran.add(report.nodeid.partition("[")[0])


def not_run(ran: set[str]) -> list[str]:
    """The tests of the table that are not among those that ran (``FILE::TEST``)."""
    named = {name for duty in duties() for name in duty.tests}
    return sorted(name for name in named if not fnmatch.filter(ran, name))


def _whole(config: pytest.Config) -> bool:
    """Was nothing left out?"""
    chosen = config.option.keyword or config.option.deselect or config.option.maxfail
    tests = config.args_source == pytest.Config.ArgsSource.TESTPATHS
    return tests and not chosen and not hasattr(config, "workerinput")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _whole(session.config) and session.exitstatus == pytest.ExitCode.OK:
        _missing.extend(not_run(_ran))
        if _missing:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _missing:
        terminalreporter.section("named in docs/regulation.toml, but not run")
        for name in _missing:
            terminalreporter.line(name)
