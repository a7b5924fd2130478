"""The decision page in a real browser, where one is installed: by click, by keyboard, in light and dark, on a phone, and
looked at by axe. Playwright and axe come from npm, pinned, into .local."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from stack.places import LOCAL, one_at_a_time

HERE = Path(__file__).resolve().parent / "browser"
MODULES = LOCAL / "browser"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> int:
    browser = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not browser or not shutil.which("npm"):
        print("SKIPPED: it needs Node, and Chromium on the PATH or named by CHROMIUM")
        return 77
    with one_at_a_time():
        install()
    script = HERE / "decision_page.mjs"
    return subprocess.call(["node", str(script)], env={**os.environ, "CHROMIUM": browser, "NODE_MODULES": str(MODULES)})


def install():
    lock = (HERE / "package-lock.json").read_bytes()
    installed = MODULES / "installed.json"
    if installed.exists() and installed.read_bytes() == lock:
        return
    MODULES.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, MODULES / name)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(command, cwd=MODULES, check=True, timeout=300)
    installed.write_bytes(lock)


if __name__ == "__main__":
    sys.exit(main())
