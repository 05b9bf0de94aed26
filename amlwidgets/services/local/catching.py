"""The guides' error-catching ``run()``: put into an entry script with one click, and taken out again without a trace.

While it is in, a request that fails gets the exception's text as its answer. That helps while one looks for a
mistake; in production it tells strangers about the inside, and makes every failure look like a success.
"""

from __future__ import annotations

import ast

from amlwidgets.errors import BadInput

_BEGIN = "# >>> amlwidgets: returns errors to the caller; take it out before production"
_END = "# <<< amlwidgets"
_INNER = "_run_of_yours"
_WRAPPER = """
    {begin}
    try:
        return {inner}({given})
    except Exception as error:
        import traceback

        print(traceback.format_exc())
        return {{"error": f"{{type(error).__name__}}: {{error}}"}}
    {end}


def {inner}({parameters}):"""


def is_in(source: str) -> bool:
    """Whether the script has it."""
    return _BEGIN in source


def put_in(source: str) -> str:
    """Return the script with an error-catching ``run()``; the text of yours stays as it is, in a function below.

    Raises:
        BadInput: The script has a mistake in its syntax, or no ``run()``.
    """
    if is_in(source):
        return source
    run = _run(source)
    colon = _header_end(source, run)
    parameters = source[_offset(source, run.lineno, run.col_offset) : colon]
    parameters = parameters[parameters.index("(") + 1 : parameters.rindex(")")]
    return source[:colon] + ":" + _block(run, parameters) + source[colon + 1 :]


def take_out(source: str) -> str:
    """Return the script as it was before."""
    if not is_in(source):
        return source
    start = source.index(f"\n    {_BEGIN}\n")
    inner = source.index(f"def {_INNER}(", start)
    end = _header_end(source[inner:], _function(source[inner:], _INNER)) + inner
    return source[:start] + source[end + 1 :]


def _block(run: ast.FunctionDef, parameters: str) -> str:
    args = run.args
    given = [a.arg for a in (*args.posonlyargs, *args.args)] + [f"{a.arg}={a.arg}" for a in args.kwonlyargs]
    return _WRAPPER.format(begin=_BEGIN, end=_END, inner=_INNER, given=", ".join(given), parameters=parameters)


def _run(source: str) -> ast.FunctionDef:
    try:
        return _function(source, "run")
    except SyntaxError as error:
        raise BadInput(
            f"The script has a mistake in line {error.lineno}: {error.msg}.",
            code="script-syntax",
            todo="Mend it first.",
        ) from error


def _function(source: str, name: str) -> ast.FunctionDef:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise BadInput(f"The script defines no plain function {name}().", code="no-run")


def _header_end(source: str, function: ast.FunctionDef) -> int:
    """Return where the colon after the signature stands."""
    import io
    import tokenize

    lines = source.splitlines(keepends=True)
    depth = 0
    for token in tokenize.generate_tokens(io.StringIO("".join(lines[function.lineno - 1 :])).readline):
        if token.string in "([{" and token.type == tokenize.OP:
            depth += 1
        elif token.string in ")]}" and token.type == tokenize.OP:
            depth -= 1
        elif token.string == ":" and depth == 0:
            line, column = token.start
            return sum(map(len, lines[: function.lineno - 2 + line])) + column
    raise AssertionError("a parsed function has a colon")


def _offset(source: str, line: int, column: int) -> int:
    return sum(map(len, source.splitlines(keepends=True)[: line - 1])) + column
