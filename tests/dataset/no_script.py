"""A task without an expert."""

from puckrl.tasks.fetch.reach import FetchReach


class NoScript(FetchReach):
    def expert(self, obs: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return None
