"""Configuration files - YAML, JSON, TOML, Hydra compositions - with the exact place of every key and value.

Ask ``project.configs`` (a :class:`ConfigFiles`), which reads a file when it is asked for:

- ``project.configs.paths``: the files that may be a program's configuration. Those of CI, documentation, containers
  and packaging are none.
- ``project.configs.file(path)``: a :class:`ConfigFile`, None where it is broken or holds data. ``file.entries()`` are
  all its entries in order, ``file.get("optim", "lr")`` is one :class:`Entry`, with aliases, merges (``<<``) and
  interpolations (``${optim.lr}``) followed.
- ``project.configs.find(path, ("optim", "lr"))``: the entries of a composed configuration (Hydra's ``defaults``,
  ``_base_``).
- an :class:`Entry` has ``key``, ``name`` (``optim.lr``), ``value``, ``text`` as written, ``at`` and ``key_at`` (the
  places of value and key), ``children`` and ``editable``.

Which code reads a key, and which key an expression comes from, is a question to the value flow: see
``analyzer.flow.settings``.
"""

from .files import ConfigFiles
from .model import ConfigFile, Entry, Key, Scalar
from .reading import BadConfig, read

__all__ = ["BadConfig", "ConfigFile", "ConfigFiles", "Entry", "Key", "Scalar", "read"]
