"""Queries over departments."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from plantroom_cloud.departments.models import Department


def departments(session: Session, sites: Sequence[str]) -> list[Department]:
    """By name; of all sites when none is named."""
    query = select(Department).order_by(col(Department.name))
    if sites:
        query = query.where(col(Department.site_id).in_(sites))
    return list(session.exec(query))
