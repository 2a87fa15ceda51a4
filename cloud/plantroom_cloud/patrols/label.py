"""What the printed label of a point says."""

from collections.abc import Sequence

from sqlmodel import Session

from plantroom_cloud.labels import Label
from plantroom_cloud.patrols.models import PatrolPoint
from plantroom_cloud.patrols.points import PointBook


def point_labels(session: Session, book: PointBook, points: Sequence[PatrolPoint]) -> list[Label]:
    """One label each; raises ConflictError for a point whose code is shown on a display."""
    return [
        Label(
            book.label_code(session, point),
            point.name,
            [line for line in (point.location, f"{point.id} · key {book.current_key(session, point).version}") if line],
        )
        for point in points
    ]
