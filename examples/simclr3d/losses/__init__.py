"""Contrastive losses."""
from .nt_xent import build_criterion, nt_xent_loop, nt_xent_matrix

__all__ = ["build_criterion", "nt_xent_loop", "nt_xent_matrix"]
