"""Where one small change can be planted in a C++ source, and what stands there instead.

Every change is chosen at run time by its number (mutation/mutant.h), so that all are built at once: an
expression becomes (plumb_mutant(7) ? (changed) : (as it was)), line for line.
"""

import dataclasses
import pathlib
from collections.abc import Iterator

import tree_sitter
import tree_sitter_cpp

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_cpp.language()))
TURNED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
OPPOSITE = {"+": "-", "-": "+"}
DROPPED = ("+", "*", "&&", "||")
# What must be known when the program is compiled cannot be chosen when it runs.
FIXED = ("static_assert_declaration", "template_argument_list", "enumerator", "case_statement",
         "preproc_if", "preproc_def", "array_declarator", "requires_clause", "concept_definition",
         "template_parameter_list", "decltype", "noexcept")


@dataclasses.dataclass(frozen=True)
class Edit:
    start: int  # in bytes
    end: int
    text: str  # with {id} where the number goes


@dataclasses.dataclass(frozen=True)
class Place:
    file: str
    line: int
    kind: str  # comparison | constant | sign | index | return | dropped
    before: str
    after: str
    edits: tuple[Edit, ...]

    def shown(self) -> str:
        return f"`{self.before}` -> `{self.after}`"


def text(node: tree_sitter.Node) -> str:
    return node.text.decode()


def ancestors(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    while node.parent is not None:
        node = node.parent
        yield node


def constexpr_of(node: tree_sitter.Node) -> tree_sitter.Node | None:
    return next((c for c in node.children if c.type == "type_qualifier" and text(c) == "constexpr"), None)


def thaw(node: tree_sitter.Node) -> tuple[Edit, ...] | None:
    """What makes the surroundings of an expression variable; None where they must be constant."""
    edits: list[Edit] = []
    for above in ancestors(node):
        if above.type in FIXED:
            return None
        word = constexpr_of(above)
        if word is None:
            continue
        if above.type == "function_definition":
            return None
        of_class = above.type == "field_declaration"
        edits.append(Edit(word.start_byte, word.end_byte, "inline const" if of_class else "const"))
    return tuple(edits)


def choice(node: tree_sitter.Node, changed: str) -> Edit:
    return Edit(node.start_byte, node.end_byte, f"(plumb_mutant({{id}}) ? ({changed}) : ({text(node)}))")


def changes(node: tree_sitter.Node) -> Iterator[tuple[str, str]]:
    """Kind and changed text of an expression."""
    if node.type == "binary_expression":
        left, operator, right = node.children[0], text(node.children[1]), node.children[2]
        if operator in TURNED:
            yield "comparison", f"{text(left)} {TURNED[operator]} {text(right)}"
        if operator in OPPOSITE:
            yield "sign", f"{text(left)} {OPPOSITE[operator]} {text(right)}"
        if operator in DROPPED:
            yield "dropped", text(left)
    elif node.type == "number_literal":
        number = text(node)
        if any(mark in number for mark in ".e") and not number.startswith("0x") and float(number.rstrip("fF")) != 0:
            yield "constant", f"1.2 * {number}"
    elif node.type == "subscript_argument_list" and node.named_child_count == 1:
        index = node.named_children[0]
        if index.type != "string_literal":
            yield "index", f"{text(index)} > 0 ? {text(index)} - 1 : {text(index)} + 1"


def early_return(node: tree_sitter.Node) -> Edit | None:
    """A return at the top of a function's body, of a value made from nothing."""
    kind, body = node.child_by_field_name("type"), node.child_by_field_name("body")
    declarator = node.child_by_field_name("declarator")
    if kind is None or body is None or declarator is None or declarator.type != "function_declarator":
        return None
    if constexpr_of(node) is not None or text(kind) == "auto" or body.named_child_count < 2:
        return None
    value = "" if text(kind) == "void" else " {{}}"
    return Edit(body.start_byte + 1, body.start_byte + 1, f" if (plumb_mutant({{id}})) return{value};")


def walk(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def places(root: pathlib.Path, file: str) -> Iterator[Place]:
    tree = PARSER.parse((root / file).read_bytes())
    for node in walk(tree.root_node):
        line = node.start_point[0] + 1
        if node.type == "function_definition":
            edit = early_return(node)
            if edit is not None:
                name = text(node.child_by_field_name("declarator")).partition("(")[0]
                yield Place(file, line, "return", name, "returns at once", (edit,))
            continue
        for kind, changed in changes(node):
            around = thaw(node)
            if around is None or "\n" in text(node):
                continue
            target = node.named_children[0] if kind == "index" else node
            yield Place(file, line, kind, text(target), changed, (*around, choice(target, changed)))


def planted(source: bytes, chosen: dict[int, Place]) -> bytes:
    """The source with all `chosen` places of it in, by number. Places nest or lie apart."""
    edits = {(e.start, e.end, e.text.format(id=number))
             for number, place in chosen.items() for e in place.edits}
    for start, end, new in sorted(edits, key=lambda e: (e[0], -e[1]), reverse=True):
        source = source[:start] + new.encode() + source[end:]
    return source


def overlap(a: Place, b: Place) -> bool:
    return any(x.start < y.end and y.start < x.end for x in a.edits for y in b.edits
               if (x.start, x.end, x.text) != (y.start, y.end, y.text))
