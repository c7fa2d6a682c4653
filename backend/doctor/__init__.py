"""Check an installation: each finding says that something is all right, or what is wrong and what to type."""

from .examine import examine as examine
from .findings import Finding as Finding
from .findings import Level as Level
