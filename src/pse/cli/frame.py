"""The frame of every command: it parses, calls one module of `commands/`, prints its answer, and turns what went wrong into an exit code.

The commands themselves stand in the modules beside this one, which mount them here.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer import Option

from pse.commands import options as opt
from pse.domain.errors import PseError, RequestError, is_ctrl_c

if TYPE_CHECKING:
    from pse.commands.wiring import Answer, Context

START, DATA, RUN, LOOK = "Start here", "Data", "Run", "Look and check"          # panels of the help
REQUEST, OUTSIDE, BUG, STOPPED = 2, 3, 70, 130
AFTER_CTRL_C = "Stopped. Nothing was left half written; run the same command again to go on."
Json = Annotated[bool, Option("--json", help="One JSON document on stdout, and nothing else there.")]
Quiet = Annotated[bool, Option("--quiet", "-q", help="No progress and no notes on stderr.")]
Verbose = Annotated[bool, Option("--verbose", "-v", help="More detail on stderr, and tracebacks.")]

app = typer.Typer(name="pse", add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich",
                  help="Research trading rules and LLM judgement together: bars to features, setups, decisions, orders and a report.",
                  epilog="For research and paper trading. Not advice.")


@dataclass
class Call:
    """What is known of one invocation before, while and after it is parsed."""

    json: bool
    quiet: bool = False
    verbose: bool = False
    home: Path | None = None
    command: str = ""


class Interrupted(Exception):
    """Ctrl-C inside a command; carries how to resume."""


# --- the frame -----------------------------------------------------------------------------------------------------------------------------------


def main(argv: list[str] | None = None) -> int:
    """Run one command line; returns the exit code (0, 1, 2, 3, 70 or 130)."""
    words = opt.with_usual_log(sys.argv[1:] if argv is None else argv)
    before_dashes = words[: words.index("--")] if "--" in words else words
    call = Call(json="--json" in before_dashes, verbose=bool({"-v", "--verbose"} & set(before_dashes)))
    try:
        return _run(words, call)
    except BrokenPipeError:                              # the reader had enough, as in `pse sql ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(words: list[str], call: Call) -> int:
    """The command line with every failure turned into a message and a code."""
    try:
        found = typer.main.get_command(app).main(args=words, prog_name="pse", standalone_mode=False, obj=call)
        code = _print_answer(found, call) if hasattr(found, "exit_code") else int(found or 0)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except PseError as error:
        return _fail(call, error.exit_code, str(error), error)
    except (Interrupted, KeyboardInterrupt) as error:
        return _fail(call, STOPPED, str(error) or AFTER_CTRL_C)
    except SystemExit as error:                          # Typer met a closed pipe
        raise BrokenPipeError from error
    except OSError as error:
        return _fail(call, OUTSIDE, f"the system refused: {error}; mend that (rights, space, the path) and run the command again.", error)
    except Exception as error:
        if hasattr(error, "format_message"):             # Typer's own: a usage error
            return _usage(call, error)
        if is_ctrl_c(error):
            return _fail(call, STOPPED, AFTER_CTRL_C)
        return _bug(call, error, words)
    if code == STOPPED:
        return _fail(call, STOPPED, "Stopped.")
    return code


def _print_answer(answer: Answer, call: Call) -> int:
    """The answer in the form that was asked for; returns its exit code."""
    if call.json:
        _print_json(call, {"ok": answer.ok, "warnings": list(answer.warnings), **answer.data})
    elif answer.show is not None:
        answer.show(_console(sys.stdout))
    return answer.exit_code


def _print_json(call: Call, body: dict[str, Any]) -> None:
    from pse.commands.wiring import json_text

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(json_text({"command": call.command, **body}) + "\n")


def _fail(call: Call, code: int, message: str, error: BaseException | None = None) -> int:
    """One paragraph on stderr, or one JSON document on stdout."""
    if call.verbose and error is not None:
        traceback.print_exception(error)
    if call.json:
        _print_json(call, {"ok": False, "error": message, "exit_code": code, "warnings": []})
    else:
        where = f"pse {call.command}".rstrip()
        print(f"{where}: {message}", file=sys.stderr)
    return code


def _usage(call: Call, error: Any) -> int:
    """A command line that Typer could not read; an empty one gets the help it needs."""
    context = getattr(error, "ctx", None)
    if context is not None:
        call.command = context.command_path.removeprefix("pse").strip()
    if type(error).__name__ == "NoArgsIsHelpError" and not call.json:
        print(error.format_message())
        return 0
    if type(error).__name__ == "NoArgsIsHelpError":
        message = "a command is missing"
    else:
        message = error.format_message().rstrip()
    message = " ".join(message.split())
    return _fail(call, REQUEST, f"{message}{'' if message.endswith(('.', '?')) else '.'} `pse {call.command}".rstrip() + " --help` lists what it takes.")


def _bug(call: Call, error: Exception, words: list[str]) -> int:
    """An error nobody foresaw: its story goes to a file below data/logs."""
    from pse.domain.redaction import redactor, secrets_of

    masked = redactor(secrets_of(os.environ))
    try:
        from pse.store.layout import Home
        from pse.store.logs import write_bug

        where = f"the whole story is in {write_bug(Home(_home_folder(call)), masked(repr(words)), masked(''.join(traceback.format_exception(error))))}"
    except Exception as second:                          # a full or read-only disk must not hide the first error
        where = f"it could not be written to a log ({second}); add -v to see it here"
    return _fail(call, BUG, f"this is a bug in pse, not in your request: {type(error).__name__}: {masked(str(error))}; {where}.", error)


def _home_folder(call: Call) -> Path:
    """The folder that --home, PSE_HOME or the shell's position names."""
    home = (call.home or Path(".")).expanduser()
    if home.exists() and not home.is_dir():
        raise RequestError(f"--home {home} is a file; expected a folder (or a name for a new one): give --home DIR or set PSE_HOME")
    return home.resolve()


def _console(stream: Any) -> Any:
    """A rich console on a stream; rich itself honours NO_COLOR and leaves colour out when the stream is no terminal."""
    from rich.console import Console

    return Console(file=stream, highlight=False, soft_wrap=not stream.isatty())


def _context(call: Call) -> Context:
    from pse.commands.wiring import Context
    from pse.store.layout import Home

    err = _console(sys.stderr)
    return Context(home=Home(_home_folder(call)), console=err if call.json else _console(sys.stdout), err=err, json=call.json, quiet=call.quiet,
                   verbose=call.verbose)


def mount(where: typer.Typer, name: str, panel: str | None = None) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Register `function(context, ...)` as a command: it gains --json, -q and -v, and is handed a Context."""

    def register(function: Callable[..., Answer]) -> Callable[..., Answer]:
        hints = get_type_hints(function, globalns={**function.__globals__, "Context": Any, "Answer": Any}, include_extras=True)
        own = [p.replace(annotation=hints[p.name]) for p in list(inspect.signature(function).parameters.values())[1:]]
        added = [inspect.Parameter(word, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
                 for word, kind in (("as_json", Json), ("quiet", Quiet), ("verbose", Verbose))]
        first = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)

        @functools.wraps(function)
        def command(*, ctx: typer.Context, as_json: bool, quiet: bool, verbose: bool, **given: Any) -> Answer:
            _flags(ctx, as_json, quiet, verbose)
            call: Call = ctx.obj
            call.command = ctx.command_path.removeprefix("pse").strip()
            context = _context(call)
            try:
                answer = function(context, **given)
            except KeyboardInterrupt as stop:            # Typer would swallow what the command says about resuming
                raise Interrupted(str(stop)) from None
            return answer if not context.warnings else _with_warnings(answer, context)

        command.__signature__ = inspect.Signature([first, *[p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own], *added])  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in command.__signature__.parameters.values()}  # type: ignore[attr-defined]
        del command.__wrapped__  # type: ignore[attr-defined]
        where.command(name, rich_help_panel=panel)(command)
        return function

    return register


def _with_warnings(answer: Answer, context: Context) -> Answer:
    from dataclasses import replace

    return replace(answer, warnings=(*answer.warnings, *(w for w in context.warnings if w not in answer.warnings)))


def module(name: str) -> Any:
    """A module of `commands/`, imported on use."""
    return importlib.import_module(f"pse.commands.{name}")


def moment(text: str | None, what: str) -> int | None:
    from pse.clock import moment_ns

    return None if text is None else moment_ns(text, what)


def window(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """--start and --end as ns UTC; refuses an empty window."""
    start_ns, end_ns = moment(start, "--start"), moment(end, "--end")
    if start_ns is not None and end_ns is not None and start_ns >= end_ns:
        raise RequestError(f"--start {start} is not before --end {end}; --end is exclusive, and a day alone is its UTC midnight: give a later --end")
    return start_ns, end_ns


def names(text: str) -> tuple[str, ...]:
    """The names of a list with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _version(wanted: bool) -> None:
    if wanted:
        from pse import __version__

        print(f"pse {__version__}")
        raise typer.Exit


@app.callback()
def _globals(
    ctx: typer.Context,
    home: Annotated[Path | None, Option(envvar="PSE_HOME", metavar="DIR",
                                        help="Folder to work in (configs, data, backtests, reports); the current one without it.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    version: Annotated[bool, Option("--version", is_eager=True, callback=_version, help="Version, and leave.")] = False,
) -> None:
    ctx.obj.home = home
    _flags(ctx, as_json, quiet, verbose)


def _flags(ctx: typer.Context, as_json: Json = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    call: Call = ctx.obj
    call.json, call.quiet, call.verbose = call.json or as_json, call.quiet or quiet, call.verbose or verbose


def group(name: str, panel: str, meaning: str) -> typer.Typer:
    """A command that has commands of its own."""
    made = typer.Typer(no_args_is_help=True)
    made.callback()(_flags)
    app.add_typer(made, name=name, help=meaning, rich_help_panel=panel)
    return made
