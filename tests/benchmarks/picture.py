"""`make picture`: the README's picture, of a real rehearsal, by light and by dark; in docs/rehearsal*.png."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from reserve.browser import find_chrome, find_driver

HERE = Path(__file__).parents[2]
REHEARSALS = HERE / "build/rehearsals"
PICTURES = {"light": HERE / "docs/rehearsal.png", "dark": HERE / "docs/rehearsal-dark.png"}
WIDTH = 960  # pixels, about as wide as a README


def main() -> int:
    """Rehearse, and photograph the page that `explain` makes of it; returns its exit code."""
    before = set(REHEARSALS.glob("*"))
    exit_code = run("rehearse", "--seed", "1")
    (kept,) = set(REHEARSALS.glob("*")) - before
    with TemporaryDirectory() as folder:
        page = Path(folder) / "run.html"
        run_id = next(each.name for each in (kept / "runs").iterdir())
        run("explain", run_id, "--html", str(page), environ={"RESERVE_DATA": str(kept)})
        for light, png in photographed(page).items():
            PICTURES[light].write_bytes(png)
            print(f"{PICTURES[light].relative_to(HERE)}: {len(png) // 1000} kB")
    return exit_code


def run(*words: str, environ: Mapping[str, str] | None = None) -> int:
    """The exit code of `main.py` with *words*."""
    command = [sys.executable, "main.py", *words]
    return subprocess.run(command, cwd=HERE, env={**os.environ, **(environ or {})}, check=False).returncode


def photographed(page: Path) -> dict[str, bytes]:
    """*page* as a browser shows it, as PNG, by each light."""
    options = ChromeOptions()
    options.binary_location = find_chrome(None)
    for word in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(word)
    found: dict[str, bytes] = {}
    with Chrome(options=options, service=Service(find_driver(None, options.binary_location))) as browser:
        size = {"width": WIDTH, "height": 600, "deviceScaleFactor": 1.5, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        for light in PICTURES:
            features = [{"name": "prefers-color-scheme", "value": light}]
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            browser.get(page.as_uri())
            browser.execute_script("document.querySelector('details').remove()")
            height = browser.execute_script("return document.documentElement.scrollHeight")
            clip = {"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": 1}
            wanted: dict[str, Any] = {"clip": clip, "captureBeyondViewport": True}
            taken = browser.execute_cdp_cmd("Page.captureScreenshot", wanted)
            found[light] = base64.b64decode(taken["data"])
    return found


if __name__ == "__main__":
    sys.exit(main())
