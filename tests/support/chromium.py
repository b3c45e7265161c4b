"""A browser for the tests: the one that is here, or one that is fetched.

`python -m tests.support.chromium` sees to it that there is one and prints where it is.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """The path of a browser, or None if there is none."""
    installed = next((path for name in NAMES if (path := shutil.which(name))), None)
    if installed:
        return installed
    with sync_playwright() as playwright:
        fetched = playwright.chromium.executable_path
    return fetched if Path(fetched).exists() else None


def main() -> None:
    if not find():
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"])
    if not find() and shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "--quiet"])
        subprocess.run(["apt-get", "install", "--quiet", "--yes", "chromium"])
    if not (path := find()):
        sys.exit("The tests need a browser: install Chromium and run them again.")
    print(f"browser: {path}")


if __name__ == "__main__":
    main()
