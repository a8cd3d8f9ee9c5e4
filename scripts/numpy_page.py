"""Write docs/numpy.md and docs/numpy.zh.md: what of NumPy tidu derives, and what not.

python scripts/numpy_page.py
"""

from __future__ import annotations

from pathlib import Path

from tidu.api.catalogue import numpy_report
from tidu.words import Language

DOCS = Path(__file__).parent.parent / "docs"
PAGES: dict[Language, Path] = {"en": DOCS / "numpy.md", "zh": DOCS / "numpy.zh.md"}
NOTE = "<!-- written by scripts/numpy_page.py -->\n\n"


def page_text(language: Language) -> str:
    return NOTE + numpy_report(language).markdown()


def main() -> None:
    for language, page in PAGES.items():
        page.write_text(page_text(language), "utf-8", newline="\n")


if __name__ == "__main__":
    main()
