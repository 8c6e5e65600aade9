"""``pytest --flowlaw-target=module:factory``: a test for each law and family of charges of a target.

The training runs are made while pytest collects, since only then is it known which laws there are to test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ..oracles.errors import FlowlawError
from .expectations import Judged, Outcome, judge, read_expectations
from .findings import Finding
from .loading import load_all, told
from .words import Asked, complete, paragraph


class Gate:
    """The plugin, registered where the option is used."""

    def __init__(self, config: pytest.Config) -> None:
        options: Any = config.option
        specs = tuple(dict.fromkeys(options.flowlaw_target))
        seed, runs, steps = options.flowlaw_seed, options.flowlaw_runs, options.flowlaw_steps
        if seed < 0 or runs < 1 or steps < 1:
            raise pytest.UsageError("--flowlaw-seed must be at least 0, --flowlaw-runs and --flowlaw-steps at least 1.")
        self.asked = Asked(specs, seed, runs, steps)
        self.file: str | None = options.flowlaw_expect
        self.strict: bool = options.flowlaw_strict
        self.warnings: tuple[str, ...] = ()

    @pytest.hookimpl(tryfirst=True)  # so that -k and -m choose among these tests too
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Adds the tests of all targets."""
        try:
            expectations = read_expectations(self.file) if self.file else ()
            specs, findings = _measure(self.asked)
        except FlowlawError as error:
            raise pytest.UsageError(str(error)) from None
        outcome = judge(findings, expectations)
        for tests in self._tests(session, specs, outcome):
            items.extend(tests.made)
            report = pytest.CollectReport(tests.nodeid, "passed", None, list(tests.made))
            session.config.hook.pytest_collectreport(report=report)  # so that they are counted
        if not self.strict:
            self.warnings = outcome.complaints

    def _tests(self, session: pytest.Session, specs: dict[str, str], outcome: Outcome) -> Iterator[_Tests]:
        for name, spec in specs.items():
            tests: _Tests = _node(_Tests, session, name=name, nodeid=spec)
            for one in outcome.judged:
                if one.finding.target == name:
                    text = "\n".join([*paragraph(one.finding), "", self.asked.program(spec, one.finding)])
                    tests.add(f"{one.finding.identity}[{one.finding.family}]", text, one)
            if name in outcome.unmeasured:
                reasons = sorted({one.finding.reason for one in outcome.judged if one.finding.target == name})
                tests.add("measured", f"No law was measured of the target '{name}': {'; '.join(reasons)}")
            yield tests
        if self.strict and outcome.complaints:
            tests = _node(_Tests, session, name="expectations", nodeid=str(self.file))
            for number, complaint in enumerate(outcome.complaints, 1):
                tests.add(str(number), complaint)
            yield tests

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Says which expectations are out of date."""
        for warning in self.warnings:
            terminalreporter.write_line(f"flowlaw: {self.file}: {warning}", yellow=True)


class _Tests(pytest.Collector):
    """The tests of one target, made already."""

    def __init__(self, **fields: Any) -> None:
        node: Any = super()
        node.__init__(**fields)
        self.made: list[_Test] = []

    def add(self, name: str, says: str, judged: Judged | None = None) -> None:
        """One more test."""
        self.made.append(_node(_Test, self, name=f"{self.name}.{name}", says=says, judged=judged))

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        return list(self.made)


class _Test(pytest.Item):
    """One finding; ``judged`` is None for what fails by being said."""

    def __init__(self, *, says: str, judged: Judged | None, **fields: Any) -> None:
        node: Any = super()
        node.__init__(**fields)
        self.judged = judged
        self.says = says

    def runtest(self) -> None:
        one = self.judged
        if one is None or one.violated or one.missing:
            raise Failed(self.says)
        if one.finding.verdict == "VIOLATED" and one.expectation is not None:
            pytest.xfail(" ".join(filter(None, (one.expectation.reason, one.expectation.link))))
        if one.finding.verdict == "SKIPPED":
            pytest.skip(one.finding.reason or "not measured")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, Failed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, None, str]:
        spec, _, name = self.nodeid.partition("::")
        return spec, None, f"{name} of {spec}"


class Failed(AssertionError):
    """A law that does not hold, in words."""


def _node(kind: Any, parent: pytest.Collector, **fields: Any) -> Any:
    """A node of pytest; its constructor has no types."""
    return kind.from_parent(parent, **fields)


def _measure(asked: Asked) -> tuple[dict[str, str], list[Finding]]:
    """The spec of each target by its name, and all findings."""
    specs: dict[str, str] = {}
    findings: list[Finding] = []
    targets = load_all(asked.specs)
    from .check import check

    for spec, target in targets:
        specs[target.name] = spec
        try:
            found = check(target, seed=asked.seed, runs=asked.runs, steps=asked.steps)
        except FlowlawError:
            raise
        except (Exception, SystemExit) as error:
            raise pytest.UsageError(f"Checking the target '{target.name}' raised {told(error)}.") from None
        findings += complete(target.name, found)
    return specs, findings
