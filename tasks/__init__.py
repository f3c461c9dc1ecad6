"""The seam between orchestration and science: one file a stage, Prefect tasks only.

A stage takes references, loads, calls the library, saves, and gives references. What is done already (its key is in
the work store) is returned at once. Outside a flow run a stage is the plain function that it wraps.
"""
