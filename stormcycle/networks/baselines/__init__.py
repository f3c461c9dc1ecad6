"""Networks of others' papers that ours are compared with."""
