"""The documentation builds without a warning, fetches nothing, and what is made from the code is up to date."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from edge.commands import REQUESTS
from edge.model import Problem
from edge.state import WARNINGS

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY / "docs" / "reference"
_FAULTS = (REPOSITORY / "docs" / "FAULTS.md").read_text(encoding="utf-8")
_TROUBLESHOOTING = (REPOSITORY / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
_FETCHED = re.compile(
    r"<(?:script|img|iframe|source)[^>]*\bsrc=[\"']?(https?:|//)|<link[^>]*\bhref=[\"']?(?:https?:|//)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    if find_spec("mkdocs") is None or find_spec("material") is None:
        pytest.skip("mkdocs-material is not installed (extra `docs`)")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_link_and_anchor_leads_somewhere(site: Path) -> None:
    # `--strict` has looked at them; here that it looked at whole pages
    for page in ("index", "readme", "contributing", "architecture", "FAULTS", "reference/configuration", "mqtt/index"):
        assert (site / f"{page}.html").stat().st_size > 5_000


@pytest.mark.parametrize("page", sorted(path.name for path in REPOSITORY.glob("*.md")))
def test_every_link_of_the_repository_leads_to_a_file(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        assert "://" in target or (REPOSITORY / target).exists(), target


_NUMBER = re.compile(r"\d[\d,.]*(?: %| MB| ms| s| GB)?")


def test_every_figure_of_the_readme_is_among_those_that_were_measured() -> None:
    measured = (REPOSITORY / "docs" / "figures.md").read_text(encoding="utf-8")
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    told = readme.partition("\n## What was measured\n")[2].partition("\n## ")[0]
    figures = {figure for line in told.splitlines() if line.startswith("| ") for figure in _NUMBER.findall(line)}
    assert len(figures) > 20
    assert figures - set(_NUMBER.findall(measured)) == set()


_PROBLEMS = re.compile(r"\b(fault|warning)((?:,? ?`[a-z_]+`)+)")


def _explained() -> set[tuple[str, str]]:
    """(fault or warning, its name) of the table in FAULTS.md."""
    rows = [line.split(" | ")[1] for line in _FAULTS.splitlines() if line.startswith("| ")]
    return {
        (kind, name) for row in rows for kind, names in _PROBLEMS.findall(row) for name in re.findall(r"\w+", names)
    }


def test_every_problem_is_explained() -> None:
    assert _explained() == {("warning" if problem in WARNINGS else "fault", problem.value) for problem in Problem}


def test_every_test_that_the_table_names_is_there() -> None:
    named = re.findall(r"`((?:tests/\w+/)?test_\w+\.py)`", _FAULTS)
    missing = [name for name in named if not (REPOSITORY / (name if "/" in name else f"tests/faults/{name}")).exists()]
    assert named
    assert missing == []


def test_every_problem_has_its_remedy() -> None:
    # all of them may need a person: what heals by itself does so only where its cause goes
    assert [problem.value for problem in Problem if f"`{problem.value}`" not in _TROUBLESHOOTING] == []


def test_every_command_is_in_the_table_of_who_may_do_what() -> None:
    security = (REPOSITORY / "docs" / "SECURITY.md").read_text(encoding="utf-8")
    table = " ".join(line.split(" | ")[0] for line in security.splitlines() if line.startswith("| `"))
    assert [name for name in REQUESTS if f"`{name}`" not in table] == []


def test_a_reader_without_a_network_gets_all_of_it(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert not _FETCHED.search(page.read_text(encoding="utf-8")), page
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:|//)", style.read_text(encoding="utf-8")), style


def test_no_script_of_ours_is_published(site: Path) -> None:
    assert not list(site.rglob("*.py"))


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """Name -> content of what docs/reference/write.py makes."""
    sys.path.insert(0, str(REFERENCE))
    try:
        return dict(importlib.import_module("write").files())
    finally:
        sys.path.remove(str(REFERENCE))


@pytest.mark.parametrize("name", ["commands.md", "configuration.md", "mqtt.md", "rest.md"])
def test_the_pages_say_what_the_code_does(made: dict[str, str], name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == made[name], "run `make docs-pages`"


def test_every_key_of_the_configuration_says_what_it_does(made: dict[str, str]) -> None:
    silent = [
        line for line in made["configuration.md"].splitlines() if line.startswith("| `") and line.endswith("|  |")
    ]
    assert not silent, "explain each in its class's docstring in edge/settings, as `key: what it does`"
