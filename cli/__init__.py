"""The command ``flowlaw``. Each subcommand lives in a module of its own, loaded when it is used."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from .. import __version__

COMMANDS = {
    "check": ("_check", "Derive, check, simulate and attack the theorems of the lawbook; write evidence and a report."),
    "laws": ("_laws", "All laws of a model, with a proof that there are no others."),
    "prove": ("_prove", "Prove that an expression is a law of a model, or refute it exactly."),
    "intrinsic": ("_intrinsic", "Is the flow of phi a flow in phi and the initialization alone?"),
    "reduce": ("_reduce", "Write the flow of phi without the parameters: formulas, a callable, a plot."),
    "verify": ("_verify", "Check certificates with the kernel alone."),
    "gate": ("_gate", "Put training code through the laws that its steps must obey."),
    "discover": ("_discover", "Find the linear symmetries of a training target from its gradients."),
    "audit": ("_audit", "Put a recorded run through the laws that its steps must obey."),
    "fill": ("_vectors", "Write test vectors of every optimizer as JSON."),
    "consume": ("_vectors", "Put an implementation of optimizers through test vectors."),
    "list": ("_lawbook", "List the theorems of the lawbook."),
    "show": ("_lawbook", "Show one theorem in full."),
    "replay": ("_replay", "Run one line of evidence again."),
    "report": ("_report", "Turn evidence into an HTML page."),
    "diff": ("_report", "Compare the verdicts of two evidence files."),
}
"""Each command with the module that holds it and its line of help, so that ``--help`` loads none of them."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{COMMANDS[cmd_name][0]}", __name__)
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            ctx.fail(f"No such command '{args[0][:60]}'.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="flowlaw")
def cli() -> None:
    """What training must conserve, derived exactly, certified, and checked.

    Exit codes: 0 all as expected, 1 something violated or refuted, 2 wrong use, 3 nothing measured.
    """


def main() -> None:
    """Runs the command; every error a person can mend is one paragraph and exit code 2."""
    from ..oracles.errors import FlowlawError

    try:
        cli(prog_name="flowlaw")
    except FlowlawError as error:
        click.echo(f"flowlaw: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        click.echo(
            f"flowlaw: {error.strerror or error}{where}. Check the path, its permissions and the disk.", err=True
        )
        sys.exit(2)
