"""
The command group: options that stand before every command, and commands that are imported when used.
"""

from importlib import import_module
from typing import Any

import click

from llmprobe._version import __version__
from llmprobe.cli.options import size, time_limit
from llmprobe.cli.target import Target

COMMANDS = ("check", "recommend", "estimate", "models", "watch", "record")
GLOBAL_OPTIONS = ("--replay", "--gpu", "--ram", "--timeout", "-v", "--verbose")


class LazyGroup(click.Group):
    """
    A group whose command ``name`` is ``llmprobe.cli.<name>.command``, imported on first use.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as click calls it
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"llmprobe.cli.{cmd_name}").command
        return command

    def options_of_commands(self) -> frozenset[str]:
        """
        Return every option that some command has.
        """
        commands = (import_module(f"llmprobe.cli.{name}").command for name in COMMANDS)
        return frozenset(option for one in commands for param in one.params for option in param.opts)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            guess = f"did you mean {near[0]!r}?" if near else f"the commands are {', '.join(COMMANDS)}"
            raise click.UsageError(f"there is no command {args[0]!r}; {guess}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 answered, 1 could not answer, 2 usage, 3 answered no.",
)
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
@click.option("--replay", metavar="FILE", help="Answer for the machine in this recording, not for this one.")
@click.option(
    "--gpu",
    "gpus",
    metavar="SPEC",
    multiple=True,
    help='Answer for a hypothetical machine with this GPU, such as "2x RTX 4090"; may be repeated.',
)
@click.option(
    "--ram", callback=size, metavar="SIZE", help="The RAM of the hypothetical machine, such as 64GiB."
)
@click.option(
    "--timeout",
    callback=time_limit,
    metavar="SECONDS",
    help="How long this machine may take to answer (2.5); a driver that starts slowly needs more.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say on stderr what was asked and how long it took.")
@click.pass_context
def cli(ctx: click.Context, /, **options: Any) -> None:
    """
    Say which quantization of a model to run on this machine, and how many layers to put on the GPU.

    \b
    Examples:
      llmprobe check
      llmprobe recommend --model llama3-70b
      llmprobe estimate llama3-70b --quant Q4_K_M -c 8192 -ngl 43
      llmprobe --gpu "2x RTX 4090" --ram 64GiB recommend --model qwen3-30b-a3b
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(2)
    ctx.obj = Target.from_options(**options)
