"""What dispatch goes by: skills that work needs, and what a team does with new work."""

from enum import StrEnum

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Document, word


class NeedOf(StrEnum):
    """What asks for skills, besides an order itself."""

    RULE = "rule"  #: orders that an alarm rule opens; by its id
    CLASS = "class"  #: work on assets of a class; by its name
    PLAN = "plan"  #: orders of a maintenance plan; by its id


class SkillNeed(SQLModel, table=True):
    """Skills that work of some origin needs, all of them."""

    __tablename__ = "skill_need"

    of: NeedOf = Field(primary_key=True, sa_type=word(NeedOf))
    ref: str = Field(primary_key=True)
    skills: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))


class TeamDispatch(SQLModel, table=True):
    """What a team does with new work; a team without a row leaves it in the pool."""

    __tablename__ = "team_dispatch"

    team_id: str = Field(primary_key=True, foreign_key="team.id", ondelete="CASCADE")
    automatic: bool = False  #: give it to who fits and has least to do
