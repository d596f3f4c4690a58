"""Which words of a text are of another language than the text."""

from __future__ import annotations

import argparse
import re
from functools import cache

from app.cli import translation
from app.cli.entry import parser

_ENGLISH = re.compile(r"[A-Za-z][A-Za-z]+")
NAMES = set(
    _ENGLISH.findall(
        # standards, formats and what is written on the thing itself
        "PDF OFD JSON CSV XLSX ZIP TOML UTF XFA CMS PAdES LT PKCS SM RSA SHA GB GM RFC OCSP PEM DER"
        " RGB"
        " Ukey PIN SO USB MB mm Unicode http https"
        # programs, systems
        " SealDesk sealdesk OpenSSL openssl dgst sm Windows Linux Debian POSIX Git Bash WSL gcc"
        " libssl"
        " Excel python dev sudo apt install"
        # reserved names of Windows, an account and a folder of it
        " CON NUL SYSTEM Program Files dll"
        # values of settings and options
        " none pades dual all odd even right left top bottom makers signers timestamps server"
        # members of an evidence package, of an archive package
        " certificates crls ocsp statements signature der bin timestamp SUMS"
        " grant policy request approval registry"
    )
)
"""What stands inside Chinese as it is."""

CHINESE_IN_ENGLISH = (
    *(
        "宿迁印台演示有限公司",
        "宿迁印台导览有限公司",
        "印台",
        "〓",
        "国家税务总局全国增值税发票查验平台",
    ),
    "骑缝章",
)
"""Names, and the sign for a missing character; dates are told as they are stamped."""

_NO_WORDS = re.compile(
    r"\{\w*\}"  # a place for a value
    r"|%\(\w+\)\w|%\w"
    r"|--?[a-z][\w-]*"  # an option
    r"|[\w./:-]*\.(?:[a-z]{2,4}|gov\.cn)\b(?::\w+)?"  # a file, a host
    r"|\w+://\S*"
    r"|\b[A-Z]{1,2}=[^,，\n]*"  # a certificate's subject
    r"|(?<![A-Za-z0-9])(?:[0-9a-f]*\d[0-9a-f]*|[0-9A-Z]{18})(?![A-Za-z0-9])"  # digest, credit code
)
_CHINESE = re.compile(r"[\u3001-\u303f\u4e00-\u9fff\uff00-\uffef]+")


@cache
def typed() -> frozenset[str]:
    """What a person types: commands, actions, choices."""
    found: set[str] = set()

    def gather(made: argparse.ArgumentParser) -> None:
        for action in made._actions:
            found.update(str(choice) for choice in action.choices or ())
            if isinstance(action, argparse._SubParsersAction):
                for child in action.choices.values():
                    gather(child)

    spoken = translation._language
    gather(parser("en"))
    translation.speak(spoken)  # who asks may still have help to write in the other language
    return frozenset(word for name in found for word in _ENGLISH.findall(name))


def english(text: str, *values: str) -> set[str]:
    """The English words in *text*; *values* are somebody's own: files, names, serial numbers."""
    for value in values:
        text = text.replace(value, " ")
    return set(_ENGLISH.findall(_NO_WORDS.sub(" ", text))) - NAMES - typed()


def chinese(text: str, *values: str) -> set[str]:
    for value in (*CHINESE_IN_ENGLISH, *values):
        text = text.replace(value, " ")
    return set(_CHINESE.findall(re.sub(r"\d{4}年\d+月\d+日", " ", text)))
