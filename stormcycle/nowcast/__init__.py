"""Nowcasts: extrapolation of radar frames, exceedance probabilities, rain by a declared Z-R relation."""
