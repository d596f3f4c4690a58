"""installer/windows/check.py and desk.py: what it reads of a registry and of two reports."""

from installer.windows import check, desk, suites

EXPORTED = r"""Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\Software\SealDesk\SealDesk]
"InstallDir"="C:\\办公软件\\印台\\"
@="the \"own\" value"
"Number"=dword:00000001

[HKEY_LOCAL_MACHINE\System\Environment]
"PATH"=hex(2):43,00,3a,00,5c,00,\
  61,00,00,00
"""


def test_an_exported_registry_is_read_in_all_its_ways_of_writing() -> None:
    values = desk.exported(EXPORTED)
    registry = desk.Registry(values)
    key = r"Software\SealDesk\SealDesk"
    assert registry.value(key, "installdir") == "C:\\办公软件\\印台\\"
    assert registry.value(key) == 'the "own" value'
    assert registry.value(key, "Number") is None
    assert registry.value(r"System\Environment", "Path") == "C:\\a"


def test_reports_are_compared_without_times_and_the_first_difference_is_named() -> None:
    one = {"verdict": "VALID", "judged_at": "today", "signatures": [{"code": "1"}]}
    other = {"verdict": "VALID", "judged_at": "tomorrow", "signatures": [{"code": "2"}]}
    assert check._timeless(one) != check._timeless(other)
    assert check._difference(one, {**one, "signatures": other["signatures"]}).startswith(
        ".signatures[0].code"
    )
    assert check._timeless(one) == check._timeless({**one, "judged_at": "yesterday"})


def test_the_next_version_is_higher_by_one() -> None:
    assert check._next("0.1.9") == "0.1.10"


def test_results_are_counted_by_file_and_a_test_that_fails_twice_counts_once() -> None:
    case = '<testcase file="tests\\flows\\test_loss.py" classname="flows" name="{}">{}'
    cases = "".join(
        f"{case.format(name, inside)}</testcase>"
        for name, inside in (
            ("good", ""),
            ("bad", "<failure/>"),
            ("bad", "<error/>"),
            ("missing", "<skipped/>"),
            ("left", "<error/>"),
            ("left", ""),
        )
    )
    found = suites.counts(f"<testsuites><testsuite>{cases}</testsuite></testsuites>".encode())
    assert found == {"tests/flows/test_loss.py": {"passed": 1, "failed": 2, "skipped": 1}}
