"""Long measurements whose results are committed: each writes a document of docs/ and its pictures by a make target."""
