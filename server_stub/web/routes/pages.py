"""Pages for people, without script or cookie: who provides this platform (第十一条) and what can be
verified here, and the report on a file that somebody hands in."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup
from starlette.datastructures import UploadFile

from crypto.verdict import beijing, one_line, say
from server_stub.authority import PURPOSES
from server_stub.changing.examining import examine
from server_stub.web.handling import Running, limited
from server_stub.web.problems import CODES, Refusal
from server_stub.web.routes.verifications import in_turn

router = APIRouter(include_in_schema=False)

VERIFY = "/verify"
_MAX_NAME = 200
"""Characters of a file's name, as with ``POST /v1/verifications``."""
_TEMPLATES = Environment(
    loader=PackageLoader("server_stub"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {"one_line": one_line, "beijing": beijing}
_STYLE = Markup(_TEMPLATES.get_template("page.css").render())  # noqa: S704 - our own file
_POLICY = (
    "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; style-src "
    f"'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)


def language_of(accepted: str) -> str:
    """ "en" if an Accept-Language header likes English better than Chinese, else "zh_CN"."""
    best = {"zh": 0.0, "en": 0.0}
    for entry in accepted[:500].split(","):
        found = re.fullmatch(
            r"\s*(zh|en)(?:-[\w-]+)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*", entry, re.I
        )
        if found:
            name = found[1].lower()
            best[name] = max(best[name], float(found[2] or 1))
    return "en" if best["en"] > best["zh"] else "zh_CN"


def template(name: str) -> Template:
    """A page of :mod:`server_stub`'s templates."""
    return _TEMPLATES.get_template(name)


def _page(name: str, language: str, status: int = 200, **values: Any) -> HTMLResponse:
    text = template(name).render(
        style=_STYLE,
        language=language,
        say=lambda group, key: say(group, key, language),
        **values,
    )
    headers = {
        "content-security-policy": _POLICY,
        "content-language": "en" if language == "en" else "zh-CN",
        "vary": "Accept-Language",
    }
    return HTMLResponse(text, status, headers)


def refused(code: str, headers: Mapping[str, str]) -> HTMLResponse:
    """A refusal of :data:`server_stub.web.problems.CODES` as a page."""
    language, known = language_of(headers.get("accept-language", "")), CODES[code]
    page = _page("refused.html", language, known.status, code=code, title=known.title)
    if known.retry_after:
        page.headers["retry-after"] = str(known.retry_after)
    return page


@router.get("/")
@router.get(VERIFY)
def welcome(request: Request, platform: Running) -> HTMLResponse:
    """Who this is, what can be verified, and the form for it."""
    return _page(
        "welcome.html",
        language_of(request.headers.get("accept-language", "")),
        settings=platform.settings,
        origin=platform.origin,
        certificates=PURPOSES,
    )


async def handed_in(request: Request) -> tuple[str, bytes]:
    """Name and bytes of the one file of the form."""
    async with request.form(max_files=1, max_fields=1) as form:
        file = form.get("document")
        if not isinstance(file, UploadFile):
            raise Refusal("media_type_unsupported", "send the PDF itself")
        return (file.filename or "document.pdf")[:_MAX_NAME], await file.read()


@router.post(VERIFY, dependencies=[Depends(limited)], response_model=None)
async def verify(
    request: Request,
    platform: Running,
    document: Annotated[tuple[str, bytes], Depends(handed_in)],
) -> Response:
    """The same as ``POST /v1/verifications``, for people."""
    name, data = document
    language = language_of(request.headers.get("accept-language", ""))

    def work() -> Response:
        return _page("verified.html", language, report=examine(platform, data, name))

    return await in_turn(request, work)
