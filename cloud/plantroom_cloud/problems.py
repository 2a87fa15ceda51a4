"""Errors as answers: RFC 9457 problem details for programs, pages for people, the login for who is not logged in."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy.exc import DataError, IntegrityError
from starlette.exceptions import HTTPException

from plantroom_cloud.dependencies import COOKIE
from plantroom_cloud.errors import CloudError, InvalidFieldsError, TooManyRequestsError, UnauthenticatedError
from plantroom_cloud.language import Reader, worded, written_for
from plantroom_cloud.validation import reasons
from plantroom_cloud.web import here
from plantroom_cloud.web.render import language_of, render
from plantroom_shared.errors import PlantroomError
from plantroom_shared.said import said

_log = logging.getLogger(__name__)


def add_error_handlers(app: FastAPI) -> None:
    """For every error that an endpoint may let through."""
    app.add_exception_handler(PlantroomError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(OverflowError, _out_of_range)
    app.add_exception_handler(DataError, _out_of_range)
    app.add_exception_handler(IntegrityError, _contradicted)
    app.add_exception_handler(Exception, _failed)


#: What any endpoint may answer instead, for the schema.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": HTTPStatus(status).phrase} for status in (400, 401, 403, 404, 405, 409, 413, 422, 429, 503)
}


def describe(schema: dict[str, Any]) -> None:
    """Problem details, and how one says who one is, into an OpenAPI document, in place."""
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for gone in ("HTTPValidationError", "ValidationError"):
        schemas.pop(gone, None)
    text = {"type": "string"}
    schemas["Problem"] = {
        "title": "Problem",
        "description": "RFC 9457 problem details.",
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {"type": text, "title": text, "status": {"type": "integer"}, "detail": text},
    }
    schema["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
    schema["security"] = [{"token": []}, {"session": []}]
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path in schema["paths"].values():
        for operation in path.values():
            for status in PROBLEMS:
                if str(status) in operation["responses"]:
                    operation["responses"][str(status)]["content"] = content


def problem(
    status: int, title: str, detail: str, headers: dict[str, str] | None = None, kind: str = CloudError.type
) -> Response:
    """RFC 9457."""
    body = {"type": kind, "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, PlantroomError)
    status = error.status if isinstance(error, CloudError) else 422
    title = error.title if isinstance(error, CloudError) else "Invalid request"
    if _is_page(request) and isinstance(error, UnauthenticatedError):
        return _to_login(request)
    headers = {}
    if isinstance(error, TooManyRequestsError):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    if here.ASKED in request.headers:
        fields = error.fields if isinstance(error, InvalidFieldsError) else None
        return _here(request, status, title, str(error), headers, fields)
    kind = error.type if isinstance(error, CloudError) else CloudError.type
    return answer(request, status, title, str(error), headers, kind)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if _is_page(request) and all(found["loc"][:1] == ("path",) for found in error.errors()):  # /work-orders/abc
        return answer(request, 404, "Not found", "There is nothing at this address.")
    return answer(request, 422, "Invalid request", reasons(list(error.errors())))


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if _is_page(request) and not hasattr(request.state, "user"):  # no endpoint asked who it is
        services = request.app.state.services
        with services.database.read() as session:
            found = services.users.by_cookie(session, request.cookies.get(COOKIE, ""), services.now())
        if found is not None:
            request.state.user, request.state.csrf_token = found[0], found[1].csrf_token
    detail = "There is nothing at this address." if error.status_code == HTTPStatus.NOT_FOUND else ""
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and "allow" in {name.lower() for name in headers}:
        methods = next(value for name, value in headers.items() if name.lower() == "allow")
        detail = said("This address takes %(methods)s.", methods=methods)
    title = "Not found" if error.status_code == HTTPStatus.NOT_FOUND and _is_page(request) else str(error.detail)
    return answer(request, error.status_code, title, detail, headers)


def _out_of_range(request: Request, _error: Exception) -> Response:
    """What neither database can hold: an id beyond 64 bits, a text with a zero byte."""
    return answer(request, 422, "Invalid request", "a number is out of range, or a text holds what cannot be stored")


def _contradicted(request: Request, error: Exception) -> Response:
    """A reference to what is not there, mostly removed meanwhile, or a second one of what may be once."""
    _log.warning("%s %s contradicts what is kept", request.method, request.url.path, exc_info=error)
    detail = "It names something that is not there any more, or something that is there already; load the page again."
    return answer(request, 409, "Conflict", detail)


def _failed(request: Request, _error: Exception) -> Response:
    """Starlette logs it with its trace."""
    detail = "Something went wrong on our side; it is in the log. Nothing of what you sent was kept."
    return answer(request, 500, "Internal error", detail)


def answer(
    request: Request, status: int, title: str, detail: str, headers: dict[str, str] | None = None,
    kind: str = CloudError.type,
) -> Response:  # fmt: skip
    """A page for people, with the way back to the form that was sent; problem details for programs."""
    if here.ASKED in request.headers:
        return _here(request, status, title, detail, headers)
    if _is_page(request):
        back = _page_before(request) if request.method == "POST" else ""
        page = render(request, "error.html", status_code=status, title=title, detail=detail, back=back)
        page.headers.update(headers or {})
        return page
    by_page = hasattr(request.state, "csrf_token")  # a script of a page asks; a program's token says not who reads
    who = Reader(language_of(request, request.state.user if by_page else None))
    with written_for(who):
        told = problem(status, worded(title), worded(detail), headers, kind)
    told.headers["Content-Language"] = who.language
    return told


def _here(
    request: Request,
    status: int,
    title: str,
    detail: str,
    headers: dict[str, str] | None = None,
    fields: Mapping[str, str] | None = None,
) -> Response:
    """A problem for the form that a person filled in: in the person's language, by field where it is known."""
    with written_for(Reader(language_of(request, getattr(request.state, "user", None)))):
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": worded(title),
            "status": status,
            "detail": worded(detail),
        }
        body["fields"] = (
            here.named(detail, worded(detail))
            if fields is None
            else {name: worded(text) for name, text in fields.items()}
        )
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _to_login(request: Request) -> Response:
    """And back to the page that was asked for; htmx, which follows in the background, is told to go there whole."""
    url = urlsplit(request.headers.get("hx-current-url", "")) if "hx-request" in request.headers else request.url
    there = url.path + (f"?{url.query}" if url.query else "")
    back = f"?{urlencode({'next': there})}" if there not in ("", "/") and request.method == "GET" else ""
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": f"/login{back}"})
    if request.method != "GET":  # a form that was open for longer than the session
        back = f"?{urlencode({'next': _page_before(request), 'ended': 'yes'})}"
    return RedirectResponse(f"/login{back}", 303)


def _page_before(request: Request) -> str:
    """The path of the page of ours that a form was sent from; empty when it is not known."""
    before = urlsplit(request.headers.get("referer", ""))
    return before.path if before.netloc == request.url.netloc else ""


def _is_page(request: Request) -> bool:
    return not request.url.path.startswith("/api/")
