"""What a template's expressions are worth, as far as its parameters tell."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from amlwidgets.arm import functions
from amlwidgets.arm.bounds import TURN, Budget, shape
from amlwidgets.arm.expressions import FunctionCall, Literal, Member, is_expression, parse, plain_text, shortened
from amlwidgets.arm.reader import TemplateError, find_key, get
from amlwidgets.arm.scope import Scope, interleaved
from amlwidgets.arm.values import Unknown, is_true, unknown_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from amlwidgets.arm.expressions import Expression

    Lookup = Callable[[str, str, bool], Any]
    """Returns a resource's state: identifier, API version, whether all of it (``'full'``) or its properties."""

MAX_LOOP = 800
"""Azure's limit of a copy loop."""

_SECURE = ("securestring", "secureobject")


class Evaluator:
    """Evaluates the values of one template.

    Args:
        template: The template's content.
        parameters: Values by name, in any case.
        scope: Where it is deployed.
        lookup: Knows the state of existing resources; without it ``reference()`` stays unknown.
        strict: Raise where something cannot be computed; otherwise it becomes an :class:`Unknown` that says why.
        reveal: Use the values of secure parameters; otherwise they stay unknown.
        budget: How much the template may still make; nested templates share it.

    Attributes:
        symbols: Identifiers by symbolic name, in templates that have them.
        outer: For a nested template, the evaluator around it and the parameters as they are written there.
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        scope: Scope | None = None,
        *,
        lookup: Lookup | None = None,
        strict: bool = False,
        reveal: bool = False,
        budget: Budget | None = None,
    ) -> None:
        self.template, self.scope, self.lookup = template, scope or Scope(), lookup
        self.strict, self.reveal = strict, reveal
        self._given = {name.lower(): value for name, value in (parameters or {}).items()}
        self._known: dict[tuple[str, str], Any] = {}
        self._open: set[tuple[str, str]] = set()
        self._loops: dict[str, int] = {}
        self._lambdas: dict[str, Any] = {}
        self.budget = budget or Budget()
        self.symbols: dict[str, str] = {}
        self.outer: tuple[Evaluator, Mapping[str, Any]] | None = None

    def clone(self, template: Mapping[str, Any], scope: Scope) -> Evaluator:
        """Return an evaluator with the same parameters for another template and scope."""
        same: dict[str, Any] = {"strict": self.strict, "reveal": self.reveal, "budget": self.budget}
        found = Evaluator(template, self._given, scope, lookup=self.lookup, **same)
        found.outer = self.outer
        return found

    def given(self, name: str) -> tuple[Any, ...]:
        """Return the value that a parameter was given, alone in a tuple; an empty one where it was not given."""
        return (self._given[name.lower()],) if name.lower() in self._given else ()

    # -- values

    def evaluate(self, value: Any) -> Any:
        """Return a value with every expression in it evaluated.

        Raises:
            TemplateError: ``strict``, and something cannot be computed.
        """
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self.evaluate(item) for item in value]
        if isinstance(value, dict):
            return self._object(value)
        return value

    def _object(self, value: dict[str, Any]) -> Any:
        found: dict[str, Any] = {}
        for key, item in value.items():
            if key.lower() == "copy" and isinstance(item, list):
                found |= self._copied(item)
            else:
                name = self._text(key) if is_expression(key) else key
                found[str(name)] = self.evaluate(item)
        return found

    def _copied(self, loops: list[Any]) -> dict[str, Any]:
        """Return the properties that a list of ``copy`` objects makes."""
        found: dict[str, Any] = {}
        for loop in loops:
            name, count = str(get(loop, "name", "")), self.count(get(loop, "count"))
            if isinstance(count, Unknown):
                found[name] = Unknown(count.depends_on, kind="array")
                continue
            items = []
            for index in range(count):
                self.budget.spend(TURN)
                with self.looping(name, index):
                    items.append(self.evaluate(get(loop, "input")))
            found[name] = items
        return found

    def _text(self, value: str) -> Any:
        if not is_expression(value):
            return plain_text(value)
        try:
            return self._worth(parse(value))
        except TemplateError as exc:
            return self._problem(exc.message)
        except (TypeError, ValueError, AttributeError, IndexError, KeyError, OverflowError) as exc:
            return self._problem(f"The expression {shortened(value)} cannot be computed: {exc}.")

    def worth(self, expression: Expression) -> Any:
        """Return what a parsed expression, or a part of one, is worth."""
        try:
            return self._worth(expression)
        except TemplateError as exc:
            return self._problem(exc.message)

    def _problem(self, message: str) -> Unknown:
        if self.strict:
            raise TemplateError(message)
        return Unknown(f"what cannot be computed ({message.rstrip('.')})")

    def count(self, value: Any) -> int | Unknown:
        """Return the number of turns of a copy loop.

        Raises:
            TemplateError: It is more than Azure allows, or no number.
        """
        number = self.evaluate(value)
        if isinstance(number, Unknown):
            return number
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MAX_LOOP:
            raise TemplateError(f"A copy loop makes 0 to {MAX_LOOP} copies, not {shortened(str(number))}.")
        return number

    @contextmanager
    def looping(self, name: str, index: int) -> Iterator[None]:
        """Let ``copyIndex()`` give ``index`` meanwhile."""
        before = dict(self._loops)
        self._loops |= {name.lower(): index, "": index}
        try:
            yield
        finally:
            self._loops = before

    # -- expressions

    def _worth(self, expression: Expression) -> Any:
        if isinstance(expression, Literal):
            return expression.value
        if isinstance(expression, Member):
            return self._member(expression)
        special = getattr(self, f"_do_{expression.name}", None)
        if special is not None:
            return special(expression)
        if expression.name in functions.PURE:
            return self._pure(expression)
        return functions.answered_later(expression.name) or self._own_function(expression)

    def _member(self, expression: Member) -> Any:
        target, index = self._worth(expression.target), self._worth(expression.index)
        if isinstance(target, Unknown):
            return Unknown(target.depends_on, f"{{{str(target).strip('{}')}.{index}}}")
        if isinstance(index, Unknown):
            return index
        if isinstance(target, list) and isinstance(index, int) and 0 <= index < len(target):
            return target[index]
        key = find_key(target, index) if isinstance(index, str) else None
        if key is not None:
            return target[key]
        if expression.safe:
            return None
        raise TemplateError(f"There is no “{index}” in {shortened(functions.as_text(target))}.")

    def _pure(self, call: FunctionCall) -> Any:
        arguments = [self._worth(argument) for argument in call.arguments]
        unknown = unknown_in(arguments)
        if unknown is None:
            return self.budget.check(functions.PURE[call.name](*arguments))
        text = ""
        if call.name == "concat" and not any(isinstance(argument, list) for argument in arguments):
            text = "".join(str(argument) for argument in arguments)
        elif call.name == "format":
            text = functions.PURE["format"](*(str(argument) for argument in arguments))
        elif call.name in ("tolower", "toupper"):
            text = getattr(str(arguments[0]), call.name[2:])()
        return Unknown(unknown.depends_on, shape(text), functions.KINDS.get(call.name, ""))

    def _own_function(self, call: FunctionCall) -> Any:
        namespace, _, name = call.name.partition(".")
        for group in get(self.template, "functions") or []:
            member = get(get(group, "members", {}), name)
            if member is not None and str(get(group, "namespace", "")).lower() == namespace:
                names = [str(get(parameter, "name")) for parameter in get(member, "parameters") or []]
                values = dict(zip(names, (self._worth(argument) for argument in call.arguments), strict=False))
                inner = self.clone({}, self.scope)
                inner._given = {name.lower(): value for name, value in values.items()}  # noqa: SLF001 - one of us
                return inner.evaluate(get(get(member, "output"), "value"))
        return self._problem(f"The function {call.name}() is not known here.")

    # -- parameters, variables, loops

    def _do_parameters(self, call: FunctionCall) -> Any:
        return self._once("parameter", str(self._worth(call.arguments[0])), self.parameter)

    def _do_variables(self, call: FunctionCall) -> Any:
        return self._once("variable", str(self._worth(call.arguments[0])), self._variable)

    def _once(self, kind: str, name: str, compute: Callable[[str], Any]) -> Any:
        key = (kind, name.lower())
        if key not in self._known:
            if key in self._open:
                raise TemplateError(f"The {kind} “{name}” refers to itself.")
            self._open.add(key)
            try:
                self._known[key] = self.budget.check(compute(name))
            finally:
                self._open.discard(key)
        return self._known[key]

    def parameter(self, name: str) -> Any:
        """Return a parameter's value: the given one, else its default."""
        declared = get(get(self.template, "parameters", {}), name)
        secure = str(get(declared, "type", "")).lower() in _SECURE
        if secure and not self.reveal:
            return Unknown(f"the secure parameter “{name}”")
        if name.lower() in self._given:
            return self._given[name.lower()]
        key = find_key(declared, "defaultValue")
        if key is not None:
            return self.evaluate(declared[key])
        if declared is None and self.template:
            raise TemplateError(f"There is no parameter “{name}”.")
        kind = str(get(declared, "type", "")).lower()
        return Unknown(f"parameter “{name}”", f"{{{name}}}", kind)

    def _variable(self, name: str) -> Any:
        variables = get(self.template, "variables", {})
        key = find_key(variables, name)
        if key is not None:
            return self.evaluate(variables[key])
        loops = get(variables, "copy")
        found = self._copied([loop for loop in loops or [] if str(get(loop, "name")).lower() == name.lower()])
        if not found:
            raise TemplateError(f"There is no variable “{name}”.")
        return next(iter(found.values()))

    def _do_copyindex(self, call: FunctionCall) -> Any:
        arguments = [self._worth(argument) for argument in call.arguments]
        name = str(arguments.pop(0)).lower() if arguments and isinstance(arguments[0], str) else ""
        if name not in self._loops:
            raise TemplateError("copyIndex() stands outside its loop.")
        return self._loops[name] + (int(arguments[0]) if arguments else 0)

    # -- logic: only what is needed is looked at

    def _do_if(self, call: FunctionCall) -> Any:
        condition, yes, no = call.arguments
        truth = is_true(self._worth(condition))
        if not isinstance(truth, Unknown):
            return self._worth(yes if truth else no)
        one, other = self._worth(yes), self._worth(no)
        return one if one == other else Unknown(truth.depends_on)

    def _do_and(self, call: FunctionCall) -> Any:
        return self._combine(call, decisive=False)

    def _do_or(self, call: FunctionCall) -> Any:
        return self._combine(call, decisive=True)

    def _combine(self, call: FunctionCall, *, decisive: bool) -> Any:
        unknown: Unknown | None = None
        for argument in call.arguments:
            truth = is_true(self._worth(argument))
            if isinstance(truth, Unknown):
                unknown = unknown or truth
            elif truth is decisive:
                return decisive
        return unknown or (not decisive)

    def _do_coalesce(self, call: FunctionCall) -> Any:
        for argument in call.arguments:
            value = self._worth(argument)
            if value is not None:
                return value
        return None

    def _do_tryget(self, call: FunctionCall) -> Any:
        found = self._worth(call.arguments[0])
        for argument in call.arguments[1:]:
            index = self._worth(argument)
            if isinstance(found, Unknown):
                return found
            inside = isinstance(found, list) and isinstance(index, int) and 0 <= index < len(found)
            found = found[index] if inside else get(found, str(index))
        return found

    # -- the scope

    def _do_subscription(self, _call: FunctionCall) -> Any:
        return self.scope.document("subscription")

    def _do_resourcegroup(self, _call: FunctionCall) -> Any:
        return self.scope.document("resourcegroup")

    def _do_tenant(self, _call: FunctionCall) -> Any:
        return self.scope.document("tenant")

    def _do_deployment(self, _call: FunctionCall) -> Any:
        return self.scope.document("deployment")

    def _do_resourceid(self, call: FunctionCall) -> Any:
        return self._identifier(call, self.scope.group_id)

    def _do_subscriptionresourceid(self, call: FunctionCall) -> Any:
        return self._identifier(call, f"/subscriptions/{self.scope.subscription}")

    def _do_tenantresourceid(self, call: FunctionCall) -> Any:
        return self._identifier(call, "")

    def _do_extensionresourceid(self, call: FunctionCall) -> Any:
        base, *rest = call.arguments
        return self._identifier(FunctionCall(call.name, tuple(rest)), str(self._worth(base)))

    def _identifier(self, call: FunctionCall, base: str) -> Any:
        """Return an identifier; arguments in front of the type name other groups and subscriptions."""
        arguments = [self._worth(argument) for argument in call.arguments]
        texts = [str(argument) for argument in arguments]
        at = next((index for index, text in enumerate(texts) if "/" in text and "." in text.split("/")[0]), None)
        if at is None:
            return unknown_in(arguments) or self._problem("resourceId() names no type.")
        before = texts[:at]
        if before:
            subscription = before[-2] if len(before) > 1 else self.scope.subscription
            base = f"/subscriptions/{subscription}/resourceGroups/{before[-1]}"
        text = f"{base}/providers/{interleaved(texts[at], texts[at + 1 :])}"
        unknown = unknown_in(arguments)
        return text if unknown is None else Unknown(unknown.depends_on, text, "string")

    def _do_reference(self, call: FunctionCall) -> Any:
        arguments = [self._worth(argument) for argument in call.arguments]
        what = str(arguments[0])
        identifier = self.symbols.get(what, what)
        full = len(arguments) > 2 and str(arguments[2]).lower() == "full"  # noqa: PLR2004 - the third argument
        if self.lookup is not None and not isinstance(arguments[0], Unknown):
            return self.lookup(identifier, str(arguments[1]) if len(arguments) > 1 else "", full)
        return Unknown(
            f"the state of {identifier.rpartition('/')[2]}", f"{{{identifier.rpartition('/')[2]}}}", "object"
        )

    # -- lambdas

    def _do_lambdavariables(self, call: FunctionCall) -> Any:
        return self._lambdas[str(self._worth(call.arguments[0])).lower()]

    def _do_map(self, call: FunctionCall) -> Any:
        items = self._worth(call.arguments[0])
        return items if isinstance(items, Unknown) else [self._applied(call.arguments[1], item) for item in items]

    def _do_filter(self, call: FunctionCall) -> Any:
        items = self._worth(call.arguments[0])
        if isinstance(items, Unknown):
            return items
        kept = [(item, is_true(self._applied(call.arguments[1], item))) for item in items]
        unknown = next((truth for _, truth in kept if isinstance(truth, Unknown)), None)
        return unknown or [item for item, truth in kept if truth]

    def _applied(self, function: Expression, item: Any) -> Any:
        if not isinstance(function, FunctionCall) or function.name != "lambda":
            raise TemplateError("map() and filter() need a lambda().")
        before = dict(self._lambdas)
        self._lambdas[str(self._worth(function.arguments[0])).lower()] = item
        try:
            return self._worth(function.arguments[-1])
        finally:
            self._lambdas = before
