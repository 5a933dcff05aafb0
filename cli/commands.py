"""The command group; each command's module is imported when it runs."""

from __future__ import annotations

import importlib

import click

from ..analyzer.version import __version__

_COMMANDS = {
    "scan": "find training bugs",
    "apply": "mend what was found",
    "undo": "take the last apply back",
    "verify": "run your command as is and mended, and compare",
    "probe": "run your command, and say what is unhealthy and why",
    "explain": "document a rule",
    "rules": "list the rules",
    "init": "write a configuration, a pre-commit entry, tests of the training",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        return importlib.import_module(f"{__package__}.{cmd_name}_command").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mlfix", message="%(prog)s %(version)s")
def cli() -> None:
    """Find the bugs that make PyTorch training silently wrong, and mend them.

    \b
    mlfix scan repo/                 what is wrong, why it is sure, and the diff
    mlfix apply --rule amp-import    mend it, touching nothing else
    mlfix undo                       take that back
    mlfix verify -- python train.py  prove the fixes on your own command
    """
