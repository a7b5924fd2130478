#!/usr/bin/env python3
"""Reads LLVM's counts of executed lines and prints those of the product's own code, a line for each file.

    scripts/coverage_report.py <lcov file> <least percentage> [show]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from stack.places import ROOT
from stack.say import Problem, run

#: What the product is made of; the rest of the workspace is tests.
PRODUCT = ("functions/", "shared/src/", "proof/src/", "cli/src/")


def main() -> int:
    if len(sys.argv) < 3:
        raise Problem("usage: scripts/coverage_report.py <lcov file> <least percentage> [show]")
    files = read(Path(sys.argv[1]).read_text())
    if not files:
        raise Problem("the report names none of the product's files.")
    least, show = float(sys.argv[2]), sys.argv[3:] == ["show"]
    rows = sorted((rate(counts), name) for name, counts in files.items())
    for share, name in rows:
        counts = files[name]
        missed = [number for number, count in sorted(counts.items()) if count == 0]
        print(f"{share:6.1f} %  {len(counts) - len(missed):5} of {len(counts):5}  {name}{spans(missed) if show and missed else ''}")
    lines = [count for counts in files.values() for count in counts.values()]
    executed = sum(count > 0 for count in lines)
    total = 100 * executed / len(lines)
    print(f"{total:6.1f} %  {executed:5} of {len(lines):5}  in all, of {len(files)} files")
    if total < least:
        raise Problem(f"fewer than {least:.0f} % of the lines are executed by tests.")
    return 0


def read(lcov: str) -> dict[str, dict[int, int]]:
    """For each file of the product the count of each of its lines, without the lines of its own tests."""
    files: dict[str, dict[int, int]] = {}
    for record in lcov.split("end_of_record"):
        named = re.search(r"^SF:(.*)$", record, re.MULTILINE)
        if not named:
            continue
        path = Path(named.group(1))
        name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else ""
        if not name.startswith(PRODUCT) or "/src/" not in name:
            continue
        end = first_line_of_tests(path.read_text())
        counts = files.setdefault(name, {})
        for number, count in re.findall(r"^DA:(\d+),(\d+)", record, re.MULTILINE):
            if int(number) < end:
                counts[int(number)] = max(counts.get(int(number), 0), int(count))
    return {name: counts for name, counts in files.items() if counts}


def first_line_of_tests(source: str) -> int:
    """Where the module of a file's own tests begins; they stand at its end."""
    for number, line in enumerate(source.splitlines(), 1):
        if line.startswith("mod tests {"):
            return number
    return sys.maxsize


def rate(counts: dict[int, int]) -> float:
    return 100 * sum(count > 0 for count in counts.values()) / len(counts)


def spans(numbers: list[int]) -> str:
    """`: 3, 7-9`"""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ": " + ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


if __name__ == "__main__":
    run(main)
