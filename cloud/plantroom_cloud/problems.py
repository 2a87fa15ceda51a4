"""Errors as answers: RFC 9457 problem details for programs, pages for people, the login for who is not logged in."""

from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from plantroom_cloud.errors import CloudError, TooManyRequestsError, UnauthenticatedError
from plantroom_cloud.web.render import render
from plantroom_shared.errors import PlantroomError


def add_error_handlers(app: FastAPI) -> None:
    """For every error that an endpoint may let through."""
    app.add_exception_handler(PlantroomError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _failed)


def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """RFC 9457."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, PlantroomError)
    status = error.status if isinstance(error, CloudError) else 422
    title = error.title if isinstance(error, CloudError) else "Invalid request"
    if _is_page(request) and isinstance(error, UnauthenticatedError):
        return _to_login(request)
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooManyRequestsError) else {}
    return _answer(request, status, title, str(error), headers)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    text = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
    return _answer(request, 422, "Invalid request", text)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = "There is nothing at this address." if error.status_code == HTTPStatus.NOT_FOUND else ""
    return _answer(request, error.status_code, str(error.detail), detail)


def _failed(request: Request, _error: Exception) -> Response:
    """Starlette logs it with its trace."""
    detail = "Something went wrong on our side; it is in the log. Nothing of what you sent was kept."
    return _answer(request, 500, "Internal error", detail)


def _answer(request: Request, status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    if _is_page(request):
        page = render(request, "error.html", status_code=status, title=title, detail=detail)
        page.headers.update(headers or {})
        return page
    return problem(status, title, detail, headers)


def _to_login(request: Request) -> Response:
    """And back to the page that was asked for; htmx, which follows in the background, is told to go there whole."""
    url = urlsplit(request.headers.get("hx-current-url", "")) if "hx-request" in request.headers else request.url
    there = url.path + (f"?{url.query}" if url.query else "")
    back = f"?{urlencode({'next': there})}" if there not in ("", "/") and request.method == "GET" else ""
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": f"/login{back}"})
    return RedirectResponse(f"/login{back}", 303)


def _is_page(request: Request) -> bool:
    return not request.url.path.startswith("/api/")
