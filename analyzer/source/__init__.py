"""One file to facts: names resolved, scopes, calls, classes, suppressions."""
