"""Reads paths of Python files from standard input, one per line, and prints facts about them for the checks of this
folder, as JSON.
"""

import ast
import io
import json
import sys
import tokenize


def functions(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield {"name": node.name, "line": node.lineno, "end": node.end_lineno, "parameters": len(parameters(node.args))}


def parameters(args):
    every = args.posonlyargs + args.args + [args.vararg] + args.kwonlyargs + [args.kwarg]
    names = [arg.arg for arg in every if arg is not None]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def imports(tree):
    """Every import with the number of its leading dots; `from . import name` may name a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ({"level": 0, "name": alias.name, "line": node.lineno} for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield {"level": node.level, "name": node.module, "line": node.lineno}
        elif isinstance(node, ast.ImportFrom):
            yield from ({"level": node.level, "name": alias.name, "line": node.lineno} for alias in node.names)


def comments(source, tree):
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield {"line": token.start[0], "text": token.string[1:]}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node):
            yield {"line": node.body[0].lineno, "text": node.body[0].value.value}


def facts(path):
    with open(path, encoding="utf-8") as file:
        source = file.read()
    tree = ast.parse(source, path)
    return {"functions": list(functions(tree)), "imports": list(imports(tree)), "comments": list(comments(source, tree))}


json.dump({path: facts(path) for path in sys.stdin.read().splitlines()}, sys.stdout)
