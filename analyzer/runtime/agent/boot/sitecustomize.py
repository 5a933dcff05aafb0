"""Loaded by every Python that a run starts: chains to the sitecustomize that it shadows, then starts the agent.

Must be readable by any Python that a run may meet, also one too old for the agent.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _chain():
    """Run the sitecustomize further down the path (Debian, users and other tools have one)."""
    from importlib.machinery import PathFinder

    rest = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _HERE]
    spec = PathFinder.find_spec("sitecustomize", rest)
    if spec is None or spec.loader is None:
        return
    module = type(sys)("sitecustomize")
    module.__file__, module.__spec__, module.__loader__ = spec.origin, spec, spec.loader
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def _start():
    """Load the agent under a name of its own, from its folder, and arm it."""
    from importlib.machinery import ModuleSpec, SourceFileLoader

    folder = os.path.dirname(_HERE)
    source = os.path.join(folder, "__init__.py")
    loader = SourceFileLoader("_mlfix_agent", source)
    spec = ModuleSpec("_mlfix_agent", loader, origin=source, is_package=True)
    spec.submodule_search_locations = [folder]
    module = type(sys)("_mlfix_agent")
    module.__file__, module.__spec__, module.__loader__ = source, spec, loader
    module.__package__, module.__path__ = "_mlfix_agent", [folder]
    sys.modules["_mlfix_agent"] = module
    loader.exec_module(module)
    module.arm()


if sys.version_info >= (3, 8):
    try:
        _chain()
    finally:
        if os.environ.get("MLFIX_AGENT_TRACE"):
            _start()
