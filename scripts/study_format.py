"""Write what follows from the tables of the study format: studies/schema.json and docs' tables."""

from __future__ import annotations

import json
from pathlib import Path

from tidu.study.format import json_schema, markdown
from tidu.words import LANGUAGES, Language

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "studies" / "schema.json"
PAGES: dict[Language, Path] = {
    "en": ROOT / "docs" / "study_format.md",
    "zh": ROOT / "docs" / "study_format.zh.md",
}
START, END = "<!-- tables: written by scripts/study_format.py -->", "<!-- end of the tables -->"


def schema_text() -> str:
    return json.dumps(json_schema(), ensure_ascii=False, indent=1) + "\n"


def page_text(language: Language, present: str) -> str:
    """The page with its tables brought up to date."""
    before, rest = present.split(START)
    after = rest.split(END)[1]
    return f"{before}{START}\n\n{markdown(language)}\n{END}{after}"


def main() -> None:
    SCHEMA.write_text(schema_text(), "utf-8", newline="\n")
    for language in LANGUAGES:
        page = PAGES[language]
        text = page_text(language, page.read_text("utf-8"))
        page.write_text(text, "utf-8", newline="\n")


if __name__ == "__main__":
    main()
