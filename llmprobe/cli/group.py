"""
The command group: options that stand before every command, and commands that are imported when used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from llmprobe._version import __version__
from llmprobe.cli import language, say
from llmprobe.cli.command import Helped, option
from llmprobe.cli.options import at_least, bandwidth, memory, ram, time_limit
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.words.message import message
from llmprobe.words.render import words

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = (
    *("check", "fit", "recommend", "plan", "upgrade", "cost", "fleet", "report"),
    *("estimate", "models", "explore", "watch", "record", "metrics", "serve", "mcp", "bench", "verify"),
    "completion",
)
GLOBAL_OPTIONS = (
    *("--replay", "--gpu", "--ram", "--ram-bandwidth", "--cpu", "--cores", "--pcie", "--wired-limit"),
    *("--lang", "--timeout", "-v", "--verbose"),
)


class LazyGroup(Helped, click.Group):
    """
    A group whose command ``name`` is ``llmprobe.cli.<name>.command``, imported on first use.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        language.use(ctx, args)
        asked = language.written(ctx)
        if asked is not language.shown(asked) and "--json" not in args:
            say.line("note", message("note.language-not-shown", language=asked.language), words())
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as click calls it
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"llmprobe.cli.{cmd_name}").command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem[str]]":
        # Imported only when a shell asks. click would import every command for the texts beside their names.
        from click.shell_completion import CompletionItem

        options = self.in_words(click.Command.shell_complete(self, ctx, incomplete), ctx)
        words = language.spoken(ctx)
        return [
            *(
                CompletionItem(name, help=words.say(f"help.short.{name}").removesuffix("."))
                for name in COMMANDS
                if name.startswith(incomplete)
            ),
            *options,
        ]

    def options_of_commands(self) -> frozenset[str]:
        """
        Every option that some command has.
        """
        commands = [import_module(f"llmprobe.cli.{name}").command for name in COMMANDS]
        commands += [below for one in commands for below in getattr(one, "commands", {}).values()]
        return frozenset(name for one in commands for param in one.params for name in param.opts)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        refuse_unknown(args, COMMANDS)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        words = language.spoken(ctx)
        formatter.write_paragraph()
        formatter.write(f"{words.sentence('help.commands')}\n")
        with formatter.indentation():
            # Known without importing the commands.
            formatter.write_dl([(name, words.say(f"help.short.{name}")) for name in COMMANDS])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        formatter.write_text(language.spoken(ctx).sentence("help.exit-codes"))


def refuse_unknown(args: list[str], known: tuple[str, ...]) -> None:
    """
    Refuse a command that a group does not have, with the name that may be meant.
    """
    if args and args[0] not in known and not args[0].startswith("-"):
        from difflib import get_close_matches

        near = get_close_matches(args[0], known, n=1)
        raise UsageError(
            message("error.command-unknown", given=args[0]),
            hint=message("hint.did-you-mean", names=(near[0],))
            if near
            else message("hint.commands", known=known),
        )


def version(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    """
    Print the version, and nothing else.
    """
    if value and not ctx.resilient_parsing:
        click.echo(f"llmprobe {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    help="help.llmprobe",
    examples=(
        "llmprobe check",
        "llmprobe recommend --model llama3-70b",
        "llmprobe estimate llama3-70b --quant Q4_K_M -c 8192 -ngl 43",
        'llmprobe --gpu "2x RTX 4090" --ram 64GB recommend --model qwen3-30b-a3b',
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@option(
    "-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=version, help="help.version"
)
@option("--replay", metavar="FILE", help="help.replay")
@option("--gpu", "gpus", metavar="SPEC", multiple=True, help="help.gpu")
@option("--ram", callback=ram, metavar="SIZE", help="help.ram")
@option("--ram-bandwidth", callback=bandwidth, metavar="RATE", help="help.ram-bandwidth")
@option("--cpu", metavar="NAME", help="help.cpu")
@option("--cores", callback=at_least(1), metavar="N", help="help.cores")
@option("--pcie", metavar="LINK", help="help.pcie")
@option("--wired-limit", callback=memory, metavar="SIZE", help="help.wired-limit")
@option(language.OPTION, metavar="CODE", callback=language.known, expose_value=False, help="help.lang")
@option("--timeout", callback=time_limit, metavar="SECONDS", help="help.timeout")
@option("-v", "--verbose", is_flag=True, help="help.verbose")
@click.pass_context
def cli(ctx: click.Context, /, **options: Any) -> None:
    """
    The program. What it does is in the catalogue.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(2)
    ctx.obj = Target.from_options(**options)
