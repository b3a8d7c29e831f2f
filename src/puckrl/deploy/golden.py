"""Golden pairs: observations and what the judged policy does, to prove a file anywhere.

``golden.bin`` holds them row by row, little-endian: the inputs of the network in the order
of the contract's ``layout``, then its outputs. The ONNX file holds the same bytes.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from puckrl.deploy.fit import Contract, ContractError

Array = NDArray[Any]


def golden_pairs(
    contract: Contract, golden: bytes
) -> Iterator[tuple[dict[str, Array], dict[str, Array]]]:
    """Yield inputs and outputs of each golden pair, as ``golden.bin`` holds them.

    Raises:
        ContractError: if the bytes have another length than the contract says.
    """
    about = contract["golden"]
    fields = [
        (n, np.dtype(d).newbyteorder("<"), tuple(s)) for n, d, s in about["layout"]
    ]
    row = np.dtype(fields)
    if len(golden) != row.itemsize * about["pairs"]:
        raise ContractError(
            f"the golden pairs have {len(golden)} bytes; the contract says "
            f"{about['pairs']} of {row.itemsize}: the file is damaged; export it anew"
        )
    for pair in np.frombuffer(golden, row):
        named = {n: pair[n].astype(d.newbyteorder("=")) for n, d, _ in fields}
        outputs = {name: named.pop(name) for name in about["outputs"]}
        yield named, outputs
