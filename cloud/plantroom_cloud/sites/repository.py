"""Queries over sites."""

from sqlmodel import Session, col, select

from plantroom_cloud.sites.models import Site


def sites(session: Session) -> list[Site]:
    """By id."""
    return list(session.exec(select(Site).order_by(col(Site.id))))
