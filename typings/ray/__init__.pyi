# What is used of Ray, which is an extra: the types are checked without it too.
from typing import Any

def __getattr__(name: str) -> Any: ...
