"""Structured logs: one line per event, logfmt for people, JSON for programs."""

import logging

import structlog


def log_to_stderr(form: str) -> None:
    """From now on; `form` is "logfmt" or "json"."""
    logging.basicConfig(level="INFO", format="%(message)s", handlers=[_handler(form)], force=True)
    for chatty in ("apscheduler", "httpx", "alembic"):
        logging.getLogger(chatty).setLevel("WARNING")


def _handler(form: str) -> logging.Handler:
    renderer = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "logger", "event"])
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=[
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.format_exc_info,
            ],
        )
    )
    return handler
