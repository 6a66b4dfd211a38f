"""`instant-t`: the group of commands, and the one place where an error becomes a sentence and an exit status."""

from __future__ import annotations

import importlib
import signal
import sys
from importlib.metadata import version
from typing import NoReturn

import click

from pipeline.errors import InstantTError

COMMANDS = {
    "up": "everything embedded: broker, store, worker, simulated traffic and a live screen",
    "worker": "the Faust worker that counts visits",
    "migrate": "bring the ClickHouse schema and the Kafka topics up to date",
    "simulate": "realistic ENT traffic, to Kafka, a file or the terminal",
    "replay": "publish files of events to the input topic",
    "wall": "the live page for operators, on its own",
    "at": "the picture at an instant T",
    "report": "growth between periods, ranking, the DNMA's weekly form",
    "alerts": "what is out of the ordinary, and as it happens",
    "closures": "add, list and remove planned closures, which no alert is made of",
    "rejects": "list, show and send again what was rejected",
    "status": "is everything right?",
}
"""Name → one line of help. Each is `pipeline/commands/<name>.py`, imported only when it is called."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"pipeline.commands.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("instant-t"), prog_name="instant-t")
def instant_t() -> None:
    """The live picture of every French school portal (ENT), at any instant T.

    \b
    instant-t up                      everything on this machine, with simulated traffic
    instant-t at --by famille         what is happening now
    instant-t COMMAND --help          options and examples of a command
    """


def main() -> NoReturn:
    """Run the command line; an error a user can cause is one sentence on stderr and exit status 1."""
    # Until the command runs, Ctrl-C ends the program as it ends any other: quietly, also in the middle of an import.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        instant_t.main(prog_name="instant-t", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "instant-t"
        click.echo(f"instant-t: {error.format_message().rstrip('.')}; see `{command} --help`.", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        click.echo(f"instant-t: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    except InstantTError as error:
        click.echo(f"instant-t: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us has gone; nothing is left to say
        sys.exit(141)
    sys.exit(0)
