"""Every error a person can meet has a text in both languages; none shows a traceback."""

import ast
import copy
import dataclasses
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from app import errors
from app.errors import ExitCode, explain, messages

BUILTIN = {"Unknown", "OSError", "FileNotFoundError", "PermissionError", "KeyboardInterrupt"}

INSIDE = {
    # Between modules of crypto: what bounds the computing for one document, and one search in it.
    *("OutOfTime", "Spent"),
    # Between a bounded process and whoever started it, who makes of it an error of the document.
    *("BoundedError", "ProcessDied", "ProcessFailed", "ProcessOutOfMemory", "ProcessTimedOut"),
    "ProcessHeldUp",
    # Inside such a process.
    *("Undrawable", "FontMissing", "PackageError", "PictureError", "XmlError"),
    # A record of a release or the signature of a package that cannot be read becomes app's
    # PlatformUntrusted and UpdateRejected.
    *("ReleaseError", "NotSigned"),
    # A trust list that cannot be read becomes app's TrustListRejected.
    "TrustListError",
    # A token that cannot be read becomes the error of whatever it should have been.
    "SignedBodyError",
    # What a platform or a person has sent as signed and is not becomes app's
    # PlatformAnswerInvalid or a finding; an own reason that cannot stand in a text, UsageError.
    *("PurposeTextError", "PhoneError", "ApprovalError", "PolicyError"),
    # Signed terms that cannot be read become the error of a grant or a policy.
    "TermsError",
    # PlatformAnswerInvalid, or a problem of an evidence package.
    *("RegistryProofError", "CannotBeSet", "Unsafe"),
    *("ApproverKeyError", "PreviewError"),
    # The form in which a code is typed says in its own words what is wrong with it, as it is typed.
    "CodeError",
    # At import, before there are any texts: the installation itself is wrong.
    "WrongVersion",
}
"""What no person is told of by its name."""


def public_errors() -> list[type[BaseException]]:
    """Every public exception class that app, crypto or device defines, found by importing all."""
    found: dict[str, type[BaseException]] = {}
    for package_name in ("app", "crypto", "device"):
        package = importlib.import_module(package_name)
        for info in pkgutil.walk_packages(package.__path__, f"{package_name}."):
            if info.name.endswith("__main__"):
                continue
            module = importlib.import_module(info.name)
            for name, value in vars(module).items():
                if (
                    inspect.isclass(value)
                    and issubclass(value, BaseException)
                    and value.__module__ == info.name
                    and not name.startswith("_")
                    and name not in INSIDE
                ):
                    assert found.get(name, value) is value, f"two errors are called {name}"
                    found[name] = value
    return list(found.values())


def entries(language: str) -> dict[str, Any]:
    return {name: entry for name, entry in messages(language).items() if name != "phrases"}


def attributes(error: type[BaseException]) -> set[str]:
    """What an instance can be asked for: what its __init__ takes, and declared attributes."""
    names = {"filename", "strerror"} if issubclass(error, OSError) else set()
    for ancestor in error.__mro__:
        names |= set(inspect.get_annotations(ancestor))
        if ancestor.__module__ != "builtins" and "__init__" in vars(ancestor):
            names |= set(inspect.signature(ancestor.__init__).parameters)
    return names - {"self"}


def placeholders(entry: dict[str, Any]) -> set[str]:
    parts = ("title", "cause", "remedy", "command_line")
    return set(re.findall(r"\{(\w+)\}", "".join(entry.get(part, "") for part in parts)))


def leaves(node: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}/{name}")
        else:
            yield f"{path}/{name}"


@pytest.mark.parametrize("language", errors.LANGUAGES)
def test_every_public_error_has_an_entry_of_its_own(language: str) -> None:
    missing = [
        error.__qualname__ for error in public_errors() if error.__name__ not in entries(language)
    ]
    assert missing == []


@pytest.mark.parametrize("language", errors.LANGUAGES)
def test_every_entry_belongs_to_an_error(language: str) -> None:
    known = {error.__name__ for error in public_errors()} | BUILTIN
    assert set(entries(language)) - known == set()


@pytest.mark.parametrize("language", errors.LANGUAGES)
def test_every_entry_is_complete_and_plain(language: str) -> None:
    for name, entry in entries(language).items():
        assert set(entry) <= {"title", "cause", "remedy", "command_line", "code", "words"}, name
        for part in ("title", "cause", "remedy"):
            assert entry[part].strip() == entry[part] != "", f"{name}.{part}"
        assert re.fullmatch(r"E-\d{3}", entry["code"]), name


@pytest.mark.parametrize("language", errors.LANGUAGES)
def test_no_code_means_two_things(language: str) -> None:
    codes = Counter(entry["code"] for entry in entries(language).values())
    assert [code for code, count in codes.items() if count > 1] == []


def test_both_languages_have_the_same_keys_and_codes() -> None:
    chinese, english = (messages(language) for language in errors.LANGUAGES)
    assert set(leaves(chinese)) == set(leaves(english))
    for name, entry in entries("zh_CN").items():
        assert entry["code"] == english[name]["code"]
        assert placeholders(entry) == placeholders(english[name]), name


@pytest.mark.parametrize("language", errors.LANGUAGES)
def test_every_placeholder_is_an_attribute_of_its_error(language: str) -> None:
    classes = {error.__name__: error for error in public_errors()}
    classes |= {"OSError": OSError, "FileNotFoundError": OSError, "PermissionError": OSError}
    for name, entry in entries(language).items():
        wanted = placeholders(entry) | set(entry.get("words", {}))
        if wanted:
            assert wanted <= attributes(classes[name]), name


def test_the_chinese_texts_are_chinese() -> None:
    for name, entry in entries("zh_CN").items():
        for part in ("title", "remedy"):
            assert re.search(r"[\u4e00-\u9fff]", entry[part]), f"{name}.{part}"


def test_a_wrong_pin_says_how_many_tries_are_left() -> None:
    from device.token import PinIncorrect

    assert "剩余 7 次" in explain(PinIncorrect(7)).cause
    assert "最后 1 次" in explain(PinIncorrect(1)).cause
    assert "剩余次数未知" in explain(PinIncorrect(None)).cause
    assert "7 tries left" in explain(PinIncorrect(7), "en").cause
    assert explain(PinIncorrect(7)).code == "E-201"


@pytest.mark.parametrize("language", errors.LANGUAGES)
def test_the_window_names_buttons_and_the_command_line_options(language: str) -> None:
    for name, entry in entries(language).items():
        assert "--" not in entry["remedy"] or name == "UsageError", name
        assert "命令行" not in entry["remedy"], name
        assert "--" in entry.get("command_line", "--"), name
    from crypto.pdf.reading.failures import PdfEncrypted

    assert "--password-stdin" not in explain(PdfEncrypted(), language).remedy
    assert "--password-stdin" in explain(PdfEncrypted(), language, command_line=True).remedy


def test_an_error_is_made_with_the_fields_that_it_declares() -> None:
    error = errors.SettingsInvalid("a.toml", "keyring", problem="type")
    assert errors.UsageError("a_file", about="x").about == "x"
    assert errors.UsageError("a_file").about is None  # its default
    assert repr(errors.Cancelled()) == "Cancelled()"
    assert str(errors.NotAPdf("a.pdf")) == "NotAPdf(path='a.pdf')"  # a field of its base
    assert copy.copy(error).__dict__ == error.__dict__
    assert error.line == 0
    kind: Any = errors.UsageError
    for values, named in (((), {}), (("a", "b", "c"), {}), (("a",), {"other": 1})):
        with pytest.raises(TypeError, match="UsageError is made with problem, about"):
            kind(*values, **named)
    with pytest.raises(TypeError):
        kind("a", problem="b")


def test_an_error_without_its_own_entry_speaks_as_its_base() -> None:
    class Special(errors.SealNotFound):
        pass

    assert explain(Special("合同专用章")).code == explain(errors.SealNotFound("x")).code


def test_an_unforeseen_error_shows_nothing_of_its_inside() -> None:
    for language in errors.LANGUAGES:
        message = explain(ZeroDivisionError("secret inside"), language)
        assert message.code == errors.UNKNOWN_CODE
        assert "secret" not in str(dataclasses.astuple(message))
    assert "诊断" in explain(ZeroDivisionError()).remedy


def test_a_system_error_names_the_file(tmp_path: Any) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "没有.pdf").read_bytes()
    message = explain(caught.value)
    assert message.code == "E-120"
    assert "没有.pdf" in message.cause


def test_a_hostile_file_name_cannot_steer_the_terminal() -> None:
    name = "a\x1b[2J\u202efdp.exe" + "x" * 5000
    cause = explain(errors.NotAPdf(name)).cause
    assert all(char.isprintable() for char in cause)
    assert len(cause) < 400


def test_braces_in_a_value_are_only_text() -> None:
    assert "{path}{0}" in explain(errors.NotAPdf("{path}{0}")).cause


def test_an_unknown_problem_code_of_the_platform_is_still_told() -> None:
    refused = errors.PlatformRefused("brand_new_code", "…", 422, "r-1")
    assert "brand_new_code" in explain(refused).cause
    assert "r-1" in explain(refused).remedy


def test_every_reason_a_file_can_fail_for_has_words() -> None:
    for language in errors.LANGUAGES:
        for name in ("FileNotReadable", "OutputNotWritable"):
            words = messages(language)[name]["words"]["reason"]
            assert {reason.value for reason in errors.FileProblem} <= set(words)


def test_what_stops_a_batch() -> None:
    from crypto.pdf.reading.failures import PdfUnreadable
    from device.token import PinIncorrect, TokenRemoved

    assert errors.stops_batch(PinIncorrect(3))
    assert errors.stops_batch(TokenRemoved())
    assert errors.stops_batch(errors.SealNotUsable("公章", "suspended"))
    assert not errors.stops_batch(PdfUnreadable())
    assert not errors.stops_batch(errors.KeywordNotFound("盖章处", 0))
    assert not errors.stops_batch(ZeroDivisionError())


def test_exit_codes_tell_the_families_apart() -> None:
    from crypto.pdf.reading.failures import PdfEncrypted
    from device.token import PinLocked, TokenNotPresent

    assert errors.exit_code(PdfEncrypted()) == ExitCode.UNREADABLE == 4
    assert errors.exit_code(PinLocked()) == ExitCode.PIN
    assert errors.exit_code(TokenNotPresent()) == ExitCode.TOKEN
    assert errors.exit_code(errors.PlatformUnreachable("http://x")) == ExitCode.PLATFORM
    assert errors.exit_code(errors.Cancelled()) == 130
    assert errors.exit_code(ZeroDivisionError()) == ExitCode.UNKNOWN


def test_every_error_of_device_and_crypto_has_an_exit_code_or_is_a_defect() -> None:
    # Neither can reach a person unless the program itself is broken.
    defects = {"GmError", "EngineUnavailable"}
    unknown = {
        error.__name__
        for error in public_errors()
        if not error.__module__.startswith("app.")
        and not any(base.__name__ in errors._EXIT_CODES for base in error.__mro__)
    }
    assert unknown <= defects


@cache
def phrases_used() -> set[str]:
    """Every constant key that app or ui passes to phrase(), read from the source."""
    root = Path(errors.__file__).parents[1]
    paths = (*root.glob("app/**/*.py"), *root.glob("ui/**/*.py"))
    texts = (path.read_text(encoding="utf-8") for path in paths)
    calls = (
        node
        for text in texts
        if "phrase(" in text  # to take all apart takes a second
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and node.args
        and getattr(node.func, "id", getattr(node.func, "attr", "")).endswith("phrase")
    )
    return {
        call.args[0].value
        for call in calls
        if isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    }


@pytest.mark.parametrize("language", errors.LANGUAGES)
def test_every_phrase_that_is_used_exists(language: str) -> None:
    used = phrases_used()
    assert len(used) > 10
    assert {key for key in used if not errors.phrase(key, language)} == set()


def test_phrases_take_the_same_values_in_both_languages() -> None:
    chinese, english = (messages(language)["phrases"] for language in errors.LANGUAGES)
    for path in leaves(chinese):
        texts = [chinese, english]
        for part in path.strip("/").split("/"):
            texts = [node[part] for node in texts]
        assert set(re.findall(r"{\w+}", texts[0])) == set(re.findall(r"{\w+}", texts[1])), path


@pytest.mark.parametrize("modules", ["app.errors, app.settings", "app.cli.entry, app.many.bulk"])
def test_what_every_command_imports_is_cheap(modules: str) -> None:
    heavy = {"sqlite3", "httpx", "pymupdf", "pyhanko", "keyring", "PIL", "asn1crypto"}
    program = f"import sys, {modules}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert heavy & set(loaded) == set()
