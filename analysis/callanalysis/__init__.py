"""Judges public claims about calls from the published data set."""

import os

# One thread for matrix products: sums run in the same order whatever the machine, so verdicts.json is the
# same everywhere; and the products are small, where waiting threads cost seven times what they save.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
