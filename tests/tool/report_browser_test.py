# SPDX-License-Identifier: MIT
"""The page of `headrace bench --html` in a real browser: every chart is drawn, nothing is complained
about, nothing is asked for, pointing and pressing do what they should. Part of `make nightly`.

HEADRACE_SCREENSHOTS=DIRECTORY keeps a picture of each page."""

import json
import os
import sys
import tempfile
import unittest

from _browser import Browser, find_browser
from _report import along, example, hostile, only, page_of, without_figures

SIZES = {"desktop": (1100, 900, False), "dark": (1100, 900, True), "phone": (360, 700, False)}
ALL = ["throughput", "cpu", "growth", "latency", "churn", "memory"]

# For each chart that is left: its section, whether marks of the colour of data are in it (not only
# axes), how many values it shows, the rows of its table.
CHARTS = """[...document.querySelectorAll('canvas')].map((canvas) => {
  const chart = Chart.getChart(canvas);
  chart.update('none');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let coloured = 0;
  for (let at = 0; at < data.length; at += 4) {
    const spread = Math.max(data[at], data[at + 1], data[at + 2]) -
      Math.min(data[at], data[at + 1], data[at + 2]);
    if (data[at + 3] > 60 && spread > 40) ++coloured;
  }
  return { id: canvas.closest('section').id, coloured,
    values: chart.data.datasets.reduce((sum, set) => sum + set.data.length, 0),
    rows: canvas.closest('section').querySelectorAll('tbody tr').length,
    label: canvas.getAttribute('aria-label') };
})"""


class ReportInABrowser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="headrace-report-")
        cls.browser = Browser()
        cls.count = 0

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__()
        cls.directory.cleanup()

    def open(self, report, size="desktop", name=None):
        type(self).count += 1
        path = os.path.join(self.directory.name, f"{self.count}.html")
        with open(path, "w", encoding="utf-8") as file:
            file.write(page_of(report))
        width, height, dark = SIZES[size]
        self.browser.open(path, width, height, dark)
        kept = os.environ.get("HEADRACE_SCREENSHOTS")
        if kept and name:
            # Not while the charts still grow.
            self.browser.evaluate("Object.values(Chart.instances).forEach((one) => one.update('none'))")
            self.browser.screenshot(os.path.join(kept, f"report-{name}-{size}.png"))
        return path

    def expect_content(self, path):
        """What holds of every page: it is quiet, asks for nothing else and fits its window."""
        self.assertEqual(self.browser.complaints(), [])
        self.assertEqual([url for url in self.browser.requests() if not url.startswith("data:")],
                         ["file://" + path])
        self.assertEqual(self.browser.evaluate("window.stolen === undefined"), True)
        wide = self.browser.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        self.assertLessEqual(wide, 0, "the page scrolls sideways")
        self.assertEqual(self.browser.evaluate(
            "[...document.querySelectorAll('section')].filter((one) => one.hidden).length"), 0)

    def expect_charts(self, ids):
        charts = self.browser.evaluate(CHARTS)
        self.assertEqual([chart["id"] for chart in charts], ids)
        for chart in charts:
            self.assertGreater(chart["coloured"], 50, chart)
            self.assertGreater(chart["values"], 0, chart)
            self.assertGreater(chart["rows"], 0, chart)
            self.assertTrue(chart["label"], chart)

    def test_a_comparison_is_drawn_in_full(self):
        for size in SIZES:
            with self.subTest(size):
                self.expect_content(self.open(example("comparison"), size, "comparison"))
                self.expect_charts(ALL)

    def test_one_server_is_drawn(self):
        for size in SIZES:
            with self.subTest(size):
                self.expect_content(self.open(example("load"), size, "load"))
                self.expect_charts(["latency"])

    def test_hostile_names_are_shown_and_nothing_else(self):
        for kind, charts in (("comparison", ALL), ("load", ["latency"])):
            for size in ("desktop", "phone"):
                with self.subTest(kind, size=size):
                    self.expect_content(self.open(hostile(kind), size, "hostile-" + kind))
                    charts_here = self.browser.evaluate(CHARTS)
                    self.assertEqual([chart["id"] for chart in charts_here], charts)

    def test_what_is_missing_is_left_out(self):
        whole = example("comparison")
        without_churn = only(whole, lambda result: result["churn"] is None)
        cases = {
            "no churn": (without_churn, [name for name in ALL if name != "churn"]),
            "churn alone": (only(whole, lambda result: result["churn"] is not None), ["churn"]),
            "one model": (only(whole, lambda result: result["name"] == "epoll-edge"), ALL),
            "one number of connections": (
                only(without_churn, lambda result: result["connections"] == 100),
                ["throughput", "cpu", "latency", "memory"]),
            "none could run": (only(whole, lambda result: result["failure"]), []),
            "figures are null": (without_figures(whole), []),
            "no results": ({**whole, "results": []}, []),
            "hardly anything": ({"kind": "comparison"}, []),
            "a load without figures": (without_figures(example("load")), []),
            "no load": ({}, []),
        }
        for name, (report, charts) in cases.items():
            with self.subTest(name):
                self.expect_content(self.open(report))
                self.expect_charts(charts)

    def test_sizes_and_workers_are_drawn(self):
        steady = ["throughput", "cpu", "growth", "latency", "memory"]
        for key, values in (("size", (64, 1024, 16384)), ("workers", (1, 2, 4))):
            for size in ("desktop", "phone"):
                with self.subTest(key, size=size):
                    self.expect_content(self.open(along(key, values), size, key))
                    self.expect_charts(steady)

    def test_several_comparisons_share_a_page(self):
        both = along("workers", (1, 2))
        whole = example("comparison")
        self.expect_content(self.open({**whole, "compare": whole["compare"] + both["compare"],
                                       "results": whole["results"] + both["results"]}))
        self.expect_charts(ALL)
        axis = "Chart.getChart(document.querySelector('#growth canvas')).options.scales.x.title.text"
        self.assertEqual(self.browser.evaluate(axis), "connections")
        self.browser.evaluate("document.querySelector('#growth .picks + .picks button + button').click()")
        self.assertEqual(self.browser.evaluate(axis), "workers")
        self.assertEqual(self.browser.complaints(), [])

    def test_pointing_shows_figures(self):
        self.open(example("comparison"))
        for name in ALL:
            point = self.browser.evaluate(f"""(() => {{
              const canvas = document.querySelector('#{name} canvas');
              canvas.scrollIntoView({{ block: 'center' }});
              const mark = Chart.getChart(canvas).getDatasetMeta(0).data[1];
              const box = canvas.getBoundingClientRect();
              return [box.left + mark.x - 3, box.top + mark.y];
            }})()""")
            self.browser.point_at(*point)
            shown = self.browser.evaluate(f"""new Promise((done) => requestAnimationFrame(() => {{
              const {{ tooltip }} = Chart.getChart(document.querySelector('#{name} canvas'));
              done([tooltip.opacity, tooltip.title, tooltip.body.flatMap((one) => one.lines)]);
            }}))""")
            self.assertEqual(shown[0], 1, name)
            self.assertTrue(shown[1][0], name)
            self.assertRegex(shown[2][0], r"\d", name)

    def test_another_case_changes_chart_and_table(self):
        self.open(example("comparison"))
        state = """[document.querySelector('#cpu table').textContent,
          Chart.getChart(document.querySelector('#cpu canvas')).data.datasets[0].data]"""
        before = self.browser.evaluate(state)
        self.browser.evaluate("document.querySelector('#cpu .picks button:last-of-type').click()")
        after = self.browser.evaluate(state)
        self.assertNotEqual(before[0], after[0])
        self.assertNotEqual(before[1], after[1])
        self.assertEqual(self.browser.complaints(), [])

    def test_growth_shows_other_figures_and_hides_lines(self):
        self.open(example("comparison"))
        lines = """Chart.getChart(document.querySelector('#growth canvas')).data.datasets
          .map((set) => [set.label, set.data.map((point) => point.y)])"""
        before = self.browser.evaluate(lines)
        self.browser.evaluate("document.querySelector('#growth .legend button').click()")
        self.assertEqual(self.browser.evaluate(lines), before[1:])
        self.browser.evaluate("document.querySelectorAll('#growth .picks button')[1].click()")
        self.assertNotEqual(self.browser.evaluate(lines), before[1:])
        self.assertEqual(self.browser.complaints(), [])

    def test_follows_a_change_to_dark(self):
        self.open(example("comparison"))
        colours = """Chart.getChart(document.querySelector('#throughput canvas'))
          .data.datasets[0].borderColor"""
        light = self.browser.evaluate(colours)
        self.browser.prefer("dark")
        self.browser.wait_until(f"String({colours}) !== {json.dumps(','.join(light))}")
        self.expect_charts(ALL)
        self.assertEqual(self.browser.complaints(), [])

    def test_the_json_can_be_downloaded(self):
        report = hostile("comparison")
        self.open(report)
        with self.browser.downloads() as downloaded:
            self.browser.evaluate("document.getElementById('download').click()")
            with open(downloaded(), encoding="utf-8") as file:
                self.assertEqual(json.load(file), report)
        shown = self.browser.evaluate("""new Promise((done) => {
          const details = document.querySelector('details');
          details.addEventListener('toggle', () => setTimeout(() =>
            done(document.getElementById('source').textContent)));
          details.open = true;
        })""")
        self.assertEqual(json.loads(shown), report)


if __name__ == "__main__":
    if os.environ.get("HEADRACE_NIGHTLY") != "1":
        print("the report is looked at in a browser by `make nightly` (HEADRACE_NIGHTLY=1)")
        sys.exit(77)
    if not find_browser():
        print("no Chromium here: scripts/install-packages.sh nightly installs it")
        sys.exit(77)
    unittest.main()
