"""
Commands and options whose texts are ids: resolved when help is shown, in the language of that run.
"""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from llmprobe.cli.language import spoken
from llmprobe.errors import UsageError
from llmprobe.words.message import message

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Option(click.Option):
    """
    An option whose ``help`` is an id.
    """

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        if record is None or self.help is None:
            return record
        text = spoken(ctx).sentence(self.help)
        return record[0], spoken(ctx).say("help.required", text=text) if self.required else text

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem[str]]":
        return super().shell_complete(ctx, incomplete) or _values(self, incomplete)


class Argument(click.Argument):
    """
    An argument whose value a shell completes by what its word stands for.
    """

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem[str]]":
        return super().shell_complete(ctx, incomplete) or _values(self, incomplete)


option = partial(click.option, cls=Option)
"""``click.option`` with the id of its text as ``help``."""

argument = partial(click.argument, cls=Argument)


def _values(param: click.Parameter, incomplete: str) -> "list[CompletionItem[str]]":
    # Imported only when a shell asks.
    from llmprobe.cli.completing import values

    return values(param.metavar, incomplete)


def _show_help(ctx: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


class Formatter(click.HelpFormatter):
    """
    Help whose lines end where its language lets them, and whose columns are those of a terminal.

    How is imported when help is shown, which few runs do.
    """

    def write_text(self, text: str) -> None:
        from llmprobe.breaking import lines

        indent = " " * self.current_indent
        self.write("".join(f"{indent}{line}\n" for line in lines(text, self.width - self.current_indent)))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        from llmprobe.breaking import columns, lines

        rows = tuple(rows)
        column = min(max(columns(name) for name, _ in rows), col_max) + col_spacing
        indent, behind = " " * self.current_indent, " " * (self.current_indent + column)
        for name, text in rows:
            first, *others = lines(text, max(self.width - column - self.current_indent, 10))
            fits = columns(name) <= column - col_spacing
            self.write(f"{indent}{name}" + (" " * (column - columns(name)) if fits else f"\n{behind}"))
            self.write("".join(f"{line}\n" for line in (first, *(f"{behind}{line}" for line in others))))


class Context(click.Context):
    """
    Where a command stands, with help in this form.
    """

    formatter_class = Formatter


class Helped(click.Command):
    """
    A command or group whose ``help`` and ``short_help`` are ids, with examples, which are commands.
    """

    context_class = Context

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = examples

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        # click's own asks gettext for its text, which looks for files of translations at every start.
        if self._help_option is None:
            self._help_option = Option(
                self.get_help_option_names(ctx),
                is_flag=True,
                is_eager=True,
                expose_value=False,
                help="help.help",
                callback=_show_help,
            )
        return self._help_option

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem[str]]":
        return self.in_words(super().shell_complete(ctx, incomplete), ctx)

    def in_words(self, items: "list[CompletionItem[str]]", ctx: click.Context) -> "list[CompletionItem[str]]":
        """
        The options that are offered to a shell, with sentences in place of ids.
        """
        # Imported only when a shell asks.
        from llmprobe.cli.completing import short

        ids = {param.help for param in self.get_params(ctx) if isinstance(param, click.Option)}
        for item in items:
            if item.help is not None and item.help in ids:
                item.help = short(spoken(ctx).sentence(item.help))
        return items

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002 - as click calls it
        return spoken().sentence(self.short_help or "")

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        pieces = " ".join(self.collect_usage_pieces(ctx))
        formatter.write_usage(ctx.command_path, pieces, f"{spoken(ctx).sentence('help.usage')} ")

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        words = spoken(ctx)
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(words.sentence(self.help or ""))
            formatter.write_paragraph()
            formatter.write(f"  {words.sentence('help.examples')}\n")
            for example in self.examples:
                formatter.write(f"    {example}\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # Of arguments the usage says all; newer versions of click would list their names without a word.
        options = (param for param in self.get_params(ctx) if isinstance(param, click.Option))
        records = [option.get_help_record(ctx) for option in options]
        formatter.write_paragraph()
        formatter.write(f"{spoken(ctx).sentence('help.options')}\n")
        with formatter.indentation():
            formatter.write_dl([record for record in records if record is not None])


class Command(Helped):
    """
    A command that answers; words that it has no use for are refused in our own words.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            raise UsageError(
                message("error.extra-arguments", given=tuple(rest)),
                hint=message("hint.help", command=ctx.command_path),
            )
        return rest


class Choice(click.Choice[str]):
    """
    One of a few words, in capitals or not.
    """

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__(words, case_sensitive=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        found = next((word for word in self.choices if word == str(value).lower()), None)
        if found is None:
            name = "" if param is None else max(param.opts, key=len)
            raise UsageError(
                message("error.option-choice", option=name, given=str(value), known=tuple(self.choices)),
                hint=None if ctx is None else message("hint.help", command=ctx.command_path),
            )
        return found
