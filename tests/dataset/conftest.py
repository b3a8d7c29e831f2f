"""Small data sets of a script, made once; nobody writes to them."""

import pytest

from puckrl.dataset.make import Made, dataset_of_script
from puckrl.dataset.settings import DatasetCfg

SMALL = DatasetCfg(episodes=6, worlds=4, cameras=("side", "front"), size=16)


@pytest.fixture(scope="session")
def pictured(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Six episodes of Reach with two cameras, PNG."""
    return dataset_of_script("reach", tmp_path_factory.mktemp("data") / "png", SMALL)
