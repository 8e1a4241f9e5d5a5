"""Where the tables lie, as settings say it."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from pse.domain.base import Frozen
from pse.domain.errors import BadConfig
from pse.settings.complaints import SAID
from pse.store.remote import checked_address


class Storage(Frozen):
    """Where the tables lie."""

    tables: str | None = Field(None, description="address of an object store (s3://, gs://, az://) for bars, features, news and actions; null: below data")

    @field_validator("tables")
    @classmethod
    def _is_an_address(cls, text: str | None) -> str | None:
        try:
            return None if text is None else checked_address(text)
        except BadConfig as error:                       # whose words repeat no secret, as the value might be one
            raise PydanticCustomError(SAID, "{text}", {"text": str(error)}) from error
