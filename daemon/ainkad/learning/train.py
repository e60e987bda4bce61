# SPDX-License-Identifier: Apache-2.0
"""The child that learns: ``python3 -m ainkad.learning.train``, an npz file in, JSON out.

A process of its own because scikit-learn takes 94 MB and five seconds to import: it is started
while the exploration still runs, and ends with its answer.
"""

from __future__ import annotations

import json
import os
import sys

# Others come first, but not by much: where CPU hogs are what is to be learned about, a child at
# nice 19 gets half a percent of a CPU and never ends, one at nice 5 takes a minute.
NICE = 2


def main() -> None:
    """Import, say so, read the data, write the model."""
    os.nice(NICE)
    import sklearn.tree  # noqa: F401  (the import is the slow part)

    from ainkad.learning.dataset import Dataset
    from ainkad.learning.fit import fit

    data = sys.stdin.buffer.read()
    if not data:
        return  # nothing to learn after all
    dataset, parameters = Dataset.from_bytes(data)
    json.dump(fit(dataset, parameters), sys.stdout)


if __name__ == "__main__":
    main()
