"""When things run and how they are started. A flow reads like a table of contents; no array is touched here."""
