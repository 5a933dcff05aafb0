"""All files to graphs: imports, classes, calls, instantiation, reachability."""
