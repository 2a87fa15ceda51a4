"""Queries over assets, what measures them, and requests."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlmodel import Session, col, delete, select

from plantroom_cloud.assets.models import Asset, AssetDevice, RequestCount


def by_code(session: Session, code: str) -> Asset | None:
    """Codes are unique."""
    return session.exec(select(Asset).where(Asset.code == code)).first()


def by_ids(session: Session, asset_ids: Collection[int]) -> dict[int, Asset]:
    """Those that there are."""
    found = session.exec(select(Asset).where(col(Asset.id).in_(asset_ids))) if asset_ids else ()
    return {asset.id: asset for asset in found if asset.id is not None}


def assets(session: Session, sites: Sequence[str], *, retired: bool = False) -> list[Asset]:
    """All of these sites, by code."""
    query = select(Asset).order_by(col(Asset.code))
    if sites:
        query = query.where(col(Asset.site_id).in_(sites))
    if not retired:
        query = query.where(col(Asset.retired_at).is_(None))
    return list(session.exec(query))


def children(session: Session, asset_id: int) -> list[Asset]:
    """Directly below."""
    return list(session.exec(select(Asset).where(Asset.parent_id == asset_id).order_by(col(Asset.code))))


def bindings(session: Session, asset_ids: Collection[int]) -> list[AssetDevice]:
    """Newest first."""
    query = select(AssetDevice).where(col(AssetDevice.asset_id).in_(asset_ids)).order_by(col(AssetDevice.id).desc())
    return list(session.exec(query))


def bound(session: Session, device_id: str) -> AssetDevice | None:
    """What the device measures now."""
    query = select(AssetDevice).where(AssetDevice.device_id == device_id, col(AssetDevice.until).is_(None))
    return session.exec(query).first()


def forget_counts(session: Session, before: datetime) -> None:
    """Of hours that are over."""
    session.exec(delete(RequestCount).where(col(RequestCount.hour) < before))
