"""What carries a mark (content, or randomness) in a function, and which expressions pass it on."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from ...source.scopes import key_of, last_name

READS = {
    *(
        "imread",
        "read_image",
        "loadtxt",
        "genfromtxt",
        "read_csv",
        "read_parquet",
        "load_audio",
        "read_file",
        "fromfile",
    ),
    *("get_fdata", "memmap", "decode_image", "decode_jpeg", "imdecode", "open_image", "pil_loader", "default_loader"),
    *("load", "open", "read", "loader", "load_image", "read_text", "read_bytes", "decode", "load_sound", "imiter"),
    *("_load", "_read", "load_item", "load_sample", "get_image", "load_data", "safe_open", "File", "read_sample"),
}
"""Last names of functions that read data from a file or a store."""
PLAIN = {"len", "isinstance", "type", "range", "hash", "id", "print", "hasattr"}
MEASURES = {"shape", "size", "dtype", "device", "ndim", "width", "height", "numel", "dim", "mode"}


@dataclass
class Marks:
    """What carries a mark in one function: keys of names, nodes, and whether the function returns it."""

    keys: set[str] = field(default_factory=set)
    nodes: set[int] = field(default_factory=set)
    returns: bool = False


def touches(node: ast.AST, marks: Marks, is_content: bool) -> bool:
    """Whether an expression carries a mark; measuring content (its length, its shape) does not carry it on."""
    if id(node) in marks.nodes:
        return True
    key = key_of(node)
    if key is not None and key in marks.keys:
        return True
    if is_content:
        if isinstance(node, ast.Attribute) and node.attr in MEASURES:
            return False
        if isinstance(node, ast.Call) and (last_name(node.func) in PLAIN or last_name(node.func) in MEASURES):
            return False
        if isinstance(node, ast.Subscript):
            return touches(node.value, marks, True)
        if isinstance(node, (ast.Compare, ast.Lambda)):
            return False
    if isinstance(node, ast.Lambda):
        return False
    return any(touches(child, marks, is_content) for child in ast.iter_child_nodes(node))
