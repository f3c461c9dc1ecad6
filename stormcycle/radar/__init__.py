"""Radar: decoding volumes, quality control, gridding, mosaics, the hour's frames and the hourly sum.

A polar volume is a Dataset over (ray, gate): `reflectivity` and the other moments, `azimuth`, `elevation`, `time`,
`sweep` by ray, and `first_gate_m`, `gate_m` by sweep. NaN: not observed. NO_ECHO_DBZ: observed, no echo.
"""
