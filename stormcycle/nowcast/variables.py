"""What a nowcast forecasts: the words of models' channels and tables, and the released variables that they stand for."""

import numpy as np

VARIABLES = {"zh": "reflectivity", "zdr": "zdr", "kdp": "kdp"}
"""Reflectivity (dBZ), differential reflectivity (dB), specific differential phase (degree km-1)."""

Fields = dict[str, np.ndarray]
"""Fields by the words of VARIABLES, `zh` among them; all of one shape."""
