# SPDX-License-Identifier: MIT
"""The page of `headrace bench --html`, read without a browser: it needs nothing outside itself, holds
the report as it is whatever is in it, and has a table for every chart."""

import json
import os
import re
import subprocess
import tempfile
import unittest

from _program import PATIENCE, PROGRAM, Server
from _report import HOSTILE, REPORT_PARTS, Page, example, hostile, page_of, without_figures

CHARTS = {"throughput", "cpu", "growth", "latency", "churn", "memory"}
MOST_BYTES = 500_000


def part(name):
    with open(os.path.join(REPORT_PARTS, name), encoding="utf-8") as file:
        return file.read()


class ReportPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.reports = {kind: example(kind) for kind in ("comparison", "load")}
        cls.texts = {kind: page_of(report) for kind, report in cls.reports.items()}
        cls.pages = {kind: Page(text) for kind, text in cls.texts.items()}

    def test_holds_the_report_as_it_is(self):
        for kind, page in self.pages.items():
            self.assertEqual(json.loads(page.json), self.reports[kind], kind)

    def test_is_one_file_of_less_than_500_kilobytes(self):
        for kind, text in self.texts.items():
            self.assertLess(len(text.encode()), MOST_BYTES, kind)

    def test_refers_to_nothing_outside_itself(self):
        loading = {"src", "srcset", "action", "data", "poster", "background", "manifest"}
        for page in self.pages.values():
            for tag, attributes in page.elements:
                self.assertNotIn(tag, ("iframe", "object", "embed", "base", "img", "form"))
                self.assertFalse(loading & set(attributes), (tag, attributes))
                self.assertRegex(attributes.get("href") or "#", "^(#|data:)", tag)
            for style in page.styles:
                self.assertNotRegex(style, r"url\(|@import|//")

    def test_forbids_the_browser_to_load_anything(self):
        policies = [attributes["content"] for tag, attributes in self.pages["load"].elements
                    if attributes.get("http-equiv") == "Content-Security-Policy"]
        self.assertEqual(len(policies), 1)
        self.assertIn("default-src 'none'", policies[0])
        self.assertNotRegex(policies[0], "https?:|\\*|connect-src")

    def test_is_composed_of_its_parts_and_chart_js_with_its_licence(self):
        page = self.pages["comparison"]
        for name in ("figures.js", "drawing.js", "page.js"):
            self.assertIn(part(name), page.scripts[-1], name)
        self.assertIn(part("style.css"), page.styles[0])
        self.assertIn("Released under the MIT License", page.scripts[0])
        self.assertFalse(re.search(r"\{\{[a-z.]+\}\}", self.texts["comparison"]))

    def test_own_scripts_never_take_text_for_html(self):
        for name in ("figures.js", "drawing.js", "page.js"):
            self.assertNotRegex(part(name), r"innerHTML|outerHTML|insertAdjacentHTML|document\.write"
                                            r"|\beval\(|new Function|setAttribute\('on", name)

    def test_every_chart_has_its_table(self):
        for page in self.pages.values():
            with_chart = {name for name, tags in page.sections.items() if "canvas" in tags}
            self.assertEqual(with_chart, CHARTS)
            for name in CHARTS:
                tags = page.sections[name]
                self.assertEqual((tags.count("canvas"), tags.count("table")), (1, 1), name)
                self.assertLess(tags.index("canvas"), tags.index("table"), name)

    def test_names_cannot_leave_the_json(self):
        for kind in ("comparison", "load"):
            report = hostile(kind)
            self.assertTrue(any(text in json.dumps(report) for text in HOSTILE))
            page = Page(page_of(report))
            self.assertEqual(json.loads(page.json), report)
            self.assertEqual(page.elements, self.pages[kind].elements, "the names became elements")
            self.assertEqual(page.scripts, self.pages[kind].scripts)
            self.assertNotRegex(page.json, "[<>&]")

    def test_any_report_makes_a_page(self):
        for report in ({}, {"results": []}, {"kind": "comparison"}, [], None, 17, "</script>",
                       without_figures(self.reports["comparison"]),
                       without_figures(self.reports["load"])):
            page = Page(page_of(report))
            self.assertEqual(json.loads(page.json), report)
            self.assertEqual(page.elements, self.pages["load"].elements)

    def expect_page_of_a_run(self, *arguments):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "报告 & <1>.html")
            done = subprocess.run([PROGRAM, "bench", *arguments, "--json", "--html", path],
                                  capture_output=True, text=True, timeout=2 * PATIENCE)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(path, encoding="utf-8") as file:
                page = Page(file.read())
        self.assertEqual(json.loads(page.json), json.loads(done.stdout))
        self.assertEqual(page.elements, self.pages["load"].elements)

    def test_a_load_writes_its_page(self):
        with Server() as server:
            self.expect_page_of_a_run(str(server.port), "-c", "3", "-n", "300")

    def test_a_comparison_writes_its_page(self):
        self.expect_page_of_a_run("--compare", "connections,churn", "--models", "epoll-edge,thread",
                                  "-c", "20", "--rounds", "1", "-d", "50ms")


if __name__ == "__main__":
    unittest.main()
