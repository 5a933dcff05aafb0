"""Every place where a repository states which versions it needs, and the one range that follows for a file of code."""

from .model import DependencyTable, Problem, Range, Requirement, Role, Syntax
from .names import is_dependency_file
from .read import read_dependencies

__all__ = [
    "DependencyTable",
    "Problem",
    "Range",
    "Requirement",
    "Role",
    "Syntax",
    "is_dependency_file",
    "read_dependencies",
]
