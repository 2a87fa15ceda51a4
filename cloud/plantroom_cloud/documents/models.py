"""What is written about an asset."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import UtcDateTime


class AssetDocument(SQLModel, table=True):
    """A manual, a drawing, a certificate: kept here as a file, or a link to where it stands."""

    __tablename__ = "asset_document"

    id: int | None = Field(default=None, primary_key=True)
    asset_id: int = Field(foreign_key="asset.id", index=True)
    title: str
    url: str = ""  #: of a link
    file_id: str | None = Field(default=None, foreign_key="stored_file.id", max_length=64)
    name: str = ""  #: of the file
    added_at: datetime = Field(sa_type=UtcDateTime)
    added_by: str
