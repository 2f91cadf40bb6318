#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page of `waterline extract --format html` in a browser: the labels and the slider hide entities, and nothing
is wider than a narrow screen. Exits with 77 where there is no chromium.

tests/cli/html_page_test.py PROGRAM"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

# Runs in the page; what it finds becomes the title.
SCRIPT = """<script>
const shown = () => document.querySelectorAll("mark:not(.off)").length;
const slider = document.getElementById("least");
const slide = (to) => { slider.value = to; slider.dispatchEvent(new Event("input")); };
const boxes = [...document.querySelectorAll("#legend input")];
const all = shown();
const seen = { all, labels: boxes.length, counted: 0, hidden: 0 };
for (const box of boxes) {
  seen.counted += Number(box.parentNode.querySelector(".count").textContent);
  box.click();
  seen.hidden += all - shown();
  box.click();
}
slide(0.5);
seen.above = shown();
seen.below = [...document.querySelectorAll("mark:not(.off)")].filter((m) => m.dataset.score < 0.5).length;
slide(0);
seen.again = shown();
seen.tooWide = document.documentElement.scrollWidth > innerWidth;
seen.header = document.querySelector("header").offsetHeight / innerHeight;
seen.legend = document.getElementById("legend").textContent;
document.title = "seen " + JSON.stringify(seen);
</script></body>"""


def see(chromium, program, folder, text, *options):
    page = folder / "page.html"
    subprocess.run([program, "extract", "--format", "html", "--output", page, "--quiet", *options],
                   input=text, text=True, check=True)
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", SCRIPT), encoding="utf-8")
    dom = subprocess.run([chromium, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=500,800",
                          f"--user-data-dir={folder}/profile", "--dump-dom", page.as_uri()],
                         capture_output=True, text=True, timeout=120, check=True).stdout
    return json.JSONDecoder().raw_decode(dom.split("<title>seen ")[1].replace("&lt;", "<"))[0]


def main():
    program = sys.argv[1]
    chromium = shutil.which("chromium")
    if chromium is None:
        print("needs chromium")
        return 77
    text = ("Ada Lovelace met Charles Babbage in London. " + "Donaudampfschifffahrt" * 20 +
            " ألبرت أينشتاين ولد في Ulm.")
    with tempfile.TemporaryDirectory(prefix="waterline-html-") as temporary:
        folder = pathlib.Path(temporary)
        seen = see(chromium, program, folder, text, "--labels", "person,city,organization", "--threshold", "0.1")
        assert seen["all"] >= 3, seen
        assert seen["counted"] == seen["hidden"] == seen["all"] == seen["again"], seen
        assert 0 < seen["above"] and seen["below"] == 0, seen
        assert not seen["tooWide"], seen

        labels = ",".join([f"kind of thing {n}" for n in range(50)] + ["a label with a long name " * 5])
        seen = see(chromium, program, folder, text, "--labels", labels, "--threshold", "0.01", "--nested",
                   "--multi-label")
        assert seen["labels"] > 20, seen
        assert not seen["tooWide"] and seen["header"] < 0.5, seen

        seen = see(chromium, program, folder, "Nothing.", "--labels", "person")
        assert seen["all"] == 0 and seen["legend"] == "no entities", seen
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
