"""Fetch autograd's source archive, run its tests with tidu in autograd's place, count by tier."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VERSION = "1.9.1"
SHA256 = "7818c5c69ddf9efb7da74097bd741a4c7920133f41966f68537223a15ef798bc"

# Which files ask what of a system. D asks for autograd's own extension interface and internals.
TIERS = {
    "A core": "systematic numpy scalar_ops graphs core binary_ops jacobian truediv wrappers",
    "A linalg, fft, complex": "linalg fft complex",
    "B containers": "dict list tuple",
    "C SciPy": "scipy",
    "D internals": "ufunc_dispatch vspaces misc logic direct tests builtins",
}
OF_FILE = {f"test_{name}": tier for tier, names in TIERS.items() for name in names.split()}
# Tests of test_wrappers.py that ask for autograd's deprecated decorators and its types of `where`.
INTERNAL = ("test_deprecated_", "test_custom_where_dtypes")


def archive(given: str | None) -> Path:
    """The source archive, downloaded unless given, with the digest that was pinned."""
    if given is None:
        folder = Path(tempfile.mkdtemp(prefix="autograd-"))
        wanted = ["--no-deps", "--no-binary", ":all:", f"autograd=={VERSION}", "-d", str(folder)]
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", *wanted], check=True)
        given = str(next(folder.glob("autograd-*.tar.gz")))
    path = Path(given)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SHA256:
        raise SystemExit(f"{path} has the digest {digest}, not {SHA256}")
    return path


def suite(path: Path) -> Path:
    """The archive's tests, unpacked."""
    folder = Path(tempfile.mkdtemp(prefix="autograd-tests-"))
    with tarfile.open(path) as bundle:
        members = [m for m in bundle.getmembers() if "/tests/" in m.name and m.isfile()]
        if hasattr(tarfile, "data_filter"):  # from Python 3.11.4
            bundle.extractall(folder, members, filter="data")
        else:
            bundle.extractall(folder, members)
    return next(folder.glob("*/tests"))


def run(given: str | None, arguments: list[str]) -> int:
    tests = suite(archive(given))
    report = tests.parent / "report.xml"
    paths = [str(HERE), str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    chosen = [f"tests/{a}" for a in arguments if a.endswith(".py")] or ["tests"]
    options = [a for a in arguments if not a.endswith(".py")]
    subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", ".", *chosen),
            *("-q", "-p", "no:cacheprovider", "-W", "ignore", f"--junitxml={report}"),
            "--continue-on-collection-errors",
            *options,
        ],
        cwd=tests.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        check=False,
    )
    return summary(report)


def summary(report: Path) -> int:
    """Print passed, failed and skipped by tier; what did not pass is listed with its reason."""
    counts: dict[str, Counter[str]] = {tier: Counter() for tier in TIERS}
    missed: list[str] = []
    for case in ET.parse(report).getroot().iter("testcase"):
        file = case.attrib["classname"].split(".")[-1]
        name = case.attrib["name"]
        tier = "D internals" if name.startswith(INTERNAL) else OF_FILE.get(file, "D internals")
        problem = next((part for part in case if part.tag in ("failure", "error", "skipped")), None)
        counts[tier][problem.tag if problem is not None else "passed"] += 1
        if problem is not None:
            reason = (problem.attrib.get("message") or "").strip().splitlines()
            missed.append(f"{tier[0]} {problem.tag:8}{file}::{name}  {reason[0] if reason else ''}")
    print("\n".join(sorted(missed)))
    print(f"\n{'tier':26}{'passed':>8}{'failed':>8}{'skipped':>9}{'of':>6}")
    for tier, found in counts.items():
        bad = found["failure"] + found["error"]
        print(f"{tier:26}{found['passed']:8}{bad:8}{found['skipped']:9}{sum(found.values()):6}")
    held = [found for tier, found in counts.items() if not tier.startswith("D")]
    passed, total = sum(f["passed"] for f in held), sum(sum(f.values()) for f in held)
    print(f"{'A to C':26}{passed:8}{'':17}{total:6}")
    return 0 if passed == total else 1
