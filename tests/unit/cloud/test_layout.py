"""The layout of the control plane, as DESIGN.md §1 has it: a folder per domain, the same file names in each."""

import ast
from pathlib import Path

import pytest

import plantroom_cloud

CLOUD = Path(plantroom_cloud.__file__).parent
DOMAINS = sorted(
    folder.name for folder in CLOUD.iterdir() if (folder / "__init__.py").is_file() and folder.name != "web"
)
MOST_LINES = 330

#: Longer than MOST_LINES, and why.
LONG = {
    "users/pages.py": "login, people, teams and one's own account: many forms, each a few lines",
    "assets/service.py": "the front door of the domain: tree, ledger, measuring, tables, labels and requests",
    "assets/pages.py": "tree, ledger, labels, import and what anybody reports: many forms, each a few lines",
    "alarms/pages.py": "alarms, their rules and their figures: many forms, each a few lines",
    "alarms/api.py": "alarms, their rules, events and figures: what goes in and out of each stands beside it",
    "alarms/service.py": "the front door of the domain: a short method for each thing that others may ask",
    "workorders/pages.py": "board, list, the page of an order and its moves: many forms, each a few lines",
    "workorders/api.py": "an endpoint for each step that people take: what goes in and out stands beside it",
    "workorders/service.py": "the front door of the domain: a short method for each step that people take",
    "checklists/service.py": "the front door of the domain: a method a step, a sentence a refusal",
    "waste/custody.py": "each step of a bag's life, and a sentence for each thing that is wrong with it",
    "alarms/repository.py": "all queries of a domain stand in one file",
}


def imports(path: Path) -> set[str]:
    """Modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
    return found


def names(path: Path) -> set[str]:
    """Names that a file imports or uses."""
    tree = ast.parse(path.read_text())
    return {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}


def classes(path: Path) -> list[ast.ClassDef]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]


@pytest.mark.parametrize("domain", DOMAINS)
def test_tables_stand_in_models_and_queries_in_repository(domain: str) -> None:
    for path in sorted((CLOUD / domain).glob("*.py")):
        tables = [c.name for c in classes(path) if any(k.arg == "table" for k in c.keywords)]
        assert not tables or path.name == "models.py", f"{path}: {tables} belong into models.py"
        queries = names(path) & {"select", "delete", "update"}
        assert not queries or path.name == "repository.py", f"{path}: queries belong into repository.py"


@pytest.mark.parametrize("domain", DOMAINS)
def test_endpoints_stand_in_api_and_pages(domain: str) -> None:
    for path in sorted((CLOUD / domain).glob("*.py")):
        if path.name in ("api.py", "pages.py"):
            continue
        assert "APIRouter" not in names(path), f"{path}: endpoints belong into api.py or pages.py"
        assert not any(module.endswith("web.render") for module in imports(path)), f"{path}: pages belong into pages.py"


def test_every_page_module_has_a_menu_and_every_router_is_served() -> None:
    app = (CLOUD / "app.py").read_text()
    for domain in DOMAINS:
        for kind in ("api", "pages"):
            path = CLOUD / domain / f"{kind}.py"
            if path.is_file():
                assert f"from plantroom_cloud.{domain} import {kind}" in app, f"app.py does not serve {path}"
        pages = CLOUD / domain / "pages.py"
        assert not pages.is_file() or "NAV" in pages.read_text(), f"{pages} declares no NAV"


def test_no_file_grows_long_without_a_reason() -> None:
    for path in sorted(CLOUD.rglob("*.py")):
        if "migrations" in path.parts:
            continue
        length = len(path.read_text().splitlines())
        name = str(path.relative_to(CLOUD))
        assert length <= MOST_LINES or name in LONG, f"{name} has {length} lines: split it, or say why not in LONG"


def test_no_file_is_named_after_nothing() -> None:
    vague = {"utils.py", "util.py", "helpers.py", "helper.py", "manager.py", "managers.py", "common.py", "misc.py"}
    assert not [path for path in CLOUD.rglob("*.py") if path.name in vague]
