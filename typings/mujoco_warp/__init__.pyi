# The compiled module carries no types; every attribute is Any.
from typing import Any

def __getattr__(name: str) -> Any: ...
