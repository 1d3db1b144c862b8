"""Prints the fields of LLaMA-Factory's dataset_info.json and of axolotl's data sets.

    python3 fields.py LLAMAFACTORY_SOURCE AXOLOTL_SOURCE > fields.txt

The arguments are the folders of the unpacked packages: llamafactory 0.9.5 (the folder
that holds src) and axolotl 0.19.0 (the folder that holds axolotl). Standard library
alone; nothing of them is run.
"""
import ast
import pathlib
import sys

llamafactory, axolotl = map(pathlib.Path, sys.argv[1:])

source = (llamafactory / "src/llamafactory/data/parser.py").read_text()
tree = ast.parse(source)
join = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "join")
listing = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "get_dataset_list")
fields = set()
for call in ast.walk(join):
    if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "set_attr" and isinstance(call.args[0], ast.Constant):
        fields.add(call.args[0].value)
for node in ast.walk(join):
    if isinstance(node, (ast.Assign, ast.AugAssign)) and isinstance(node.value, ast.List):
        target = node.targets[0].id if isinstance(node, ast.Assign) else node.target.id
        prefix = {"column_names": "columns.", "tag_names": "tags."}[target]
        fields.update(prefix + e.value for e in node.value.elts)
for node in ast.walk(listing):
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(("_url", "file_name")):
        fields.add(node.value)
for name in sorted(fields):
    print("llamafactory", name)

tree = ast.parse((axolotl / "axolotl/utils/schemas/datasets.py").read_text())
fields = set()
for node in tree.body:
    if isinstance(node, ast.ClassDef):
        prefix = "type." if node.name.startswith("UserDefined") else ""
        for item in node.body:
            if isinstance(item, ast.AnnAssign):
                fields.add(prefix + item.target.id)
for name in sorted(fields):
    print("axolotl", name)
