"""What every group of parameters has in common."""

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """A group of parameters: unknown names are refused, and nothing changes it later."""

    model_config = ConfigDict(extra="forbid", frozen=True)
