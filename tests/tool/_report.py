# SPDX-License-Identifier: MIT
#
# What the tests of the HTML report share: pages, made of the example reports and of variations on
# them that no run would produce, and a reader that takes a page apart as a browser would.
import copy
import html.parser
import json
import os
import subprocess

from _program import PATIENCE, PROGRAM, SOURCE

PAGE_OF_REPORT = os.path.join(os.path.dirname(os.path.abspath(PROGRAM)), "tests", "page_of_report")
REPORT_PARTS = os.path.join(SOURCE, "tools", "headrace", "bench", "report")

HOSTILE = ("</script><script>window.stolen=1</script>", "<!--<script>", "<img src=x onerror=stolen=1>",
           "</title></table>&lt;&amp;", "]]>'\"`${stolen=1}\\", "\u2028\u2029\u0000\u202e\x1b[2J",
           "名字很长的服务器" * 20)


def example(kind):
    """An example report: "comparison" or "load"."""
    with open(os.path.join(SOURCE, "tests", "tool", "data", f"bench-{kind}.json"),
              encoding="utf-8") as file:
        return json.load(file)


def page_of(report):
    """The HTML that the program makes of a report."""
    return subprocess.run([PAGE_OF_REPORT], input=json.dumps(report).encode(), check=True,
                          stdout=subprocess.PIPE, timeout=PATIENCE).stdout.decode()


def hostile(kind):
    """An example whose texts, all of them, try to get out of where they stand."""

    def poisoned(value, key=""):
        if isinstance(value, dict):
            return {name: poisoned(member, name) for name, member in value.items()}
        if isinstance(value, list) and key != "compare":
            return [poisoned(member, key) for member in value]
        if isinstance(value, str) and key not in ("kind", "compare", "model"):
            return HOSTILE[sum(value.encode()) % len(HOSTILE)] + value  # alike wherever it stands
        return value

    return poisoned(example(kind))


def without_figures(report):
    """The same report with null in place of every figure that may be unknown."""
    kept = ("schema_version", "rounds", "connections", "size", "workers", "cores", "active")

    def emptied(value, key=""):
        if isinstance(value, dict):
            return {name: emptied(member, name) for name, member in value.items()}
        if isinstance(value, list):
            return [emptied(member, key) for member in value]
        if isinstance(value, (int, float)) and not isinstance(value, bool) and key not in kept:
            return None
        return value

    return emptied(copy.deepcopy(report))


def only(report, wanted):
    """A comparison with those results only for which `wanted(result)` is true."""
    return {**report, "results": [result for result in report["results"] if wanted(result)]}


def along(key, values):
    """A comparison of "sizes" or "workers", made of the results with 100 connections."""
    report = only(example("comparison"), lambda result: result["connections"] == 100)
    report["compare"] = ["sizes" if key == "size" else key]
    report["results"] = [{**result, "compare": report["compare"][0], key: value,
                          "name": result["name"] + (f" x{value}" if key == "workers" else "")}
                         for value in values for result in report["results"]]
    return report


class Page(html.parser.HTMLParser):
    """A page taken apart: `elements` [(tag, attributes)], `sections` {id: [tag]}, and what stands in its
    scripts, its styles and around the JSON."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.scripts, self.styles, self.json = [], [], [], None
        self.sections = {}
        self._section = self._inside = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        self._inside = (tag, attributes)
        if tag == "section":
            self._section = attributes.get("id")
            self.sections[self._section] = []
        elif self._section:
            self.sections[self._section].append(tag)

    def handle_endtag(self, tag):
        self._inside = None
        if tag == "section":
            self._section = None

    def handle_data(self, data):
        tag, attributes = self._inside or (None, {})
        if tag == "script" and attributes.get("id") == "json":
            self.json = data
        elif tag == "script":
            self.scripts.append(data)
        elif tag == "style":
            self.styles.append(data)
