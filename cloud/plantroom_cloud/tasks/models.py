"""What phones reported."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import UtcDateTime


class TaskStep(SQLModel, table=True):
    """A step that a phone sent: taken once, however often it comes; the answer stays the same."""

    __tablename__ = "task_step"

    ref: str = Field(primary_key=True)  #: login name, then what the phone made
    work_order_id: int = Field(foreign_key="work_order.id", index=True)
    step: str
    applied: bool  #: False: somebody was faster, or it cannot be; its words and pictures are kept all the same
    state: str  #: of the work order afterwards
    text: str
    claimed_at: datetime = Field(sa_type=UtcDateTime)  #: by the phone's clock
    taken_at: datetime = Field(sa_type=UtcDateTime)
