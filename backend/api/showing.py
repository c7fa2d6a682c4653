"""From a domain object to what is shown of it."""

from typing import Any, TypeVar

from pydantic import BaseModel

View = TypeVar("View", bound=BaseModel)


def shown(view: type[View], source: object, **told: Any) -> View:
    """A ``view`` of what ``source`` has by the same name, and of what is ``told`` otherwise; nothing else gets out."""
    same = {name: getattr(source, name) for name in view.model_fields if name not in told}
    return view(**same, **told)
