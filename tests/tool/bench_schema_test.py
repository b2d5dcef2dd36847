# SPDX-License-Identifier: MIT
"""The schema of the JSON reports: its examples fit it, and what does not fit is found.

That real reports fit it is checked with every one that the other tests of bench make.
"""

import copy
import json
import os
import unittest

from _program import SOURCE
from _schema import validate


def example(kind):
    path = os.path.join(SOURCE, "tests", "tool", "data", f"bench-{kind}.json")
    with open(path, encoding="utf-8") as file:
        return json.load(file)


class Schema(unittest.TestCase):
    def test_the_examples_fit(self):
        for kind in ("load", "comparison"):
            with self.subTest(kind):
                validate(example(kind))

    def test_the_keys_of_the_first_generator_are_there(self):
        load = example("load")
        for key in ("messages_per_second", "bytes_per_second", "latency_us", "messages", "errors",
                    "connections", "server_cpu_us_per_message"):
            self.assertIn(key, load)
            self.assertIn(key, example("comparison")["results"][0])
        self.assertEqual(list(load["latency_us"]), ["p50", "p90", "p99", "p999", "p9999", "max"])

    def test_what_does_not_fit_is_found(self):
        def changed(kind, change):
            report = copy.deepcopy(example(kind))
            change(report)
            return report

        wrong = {
            "a key is missing": changed("load", lambda r: r.pop("messages")),
            "a key nobody knows": changed("load", lambda r: r.update(surprise=1)),
            "text for a number": changed("load", lambda r: r.update(messages="7")),
            "truth for a number": changed("load", lambda r: r.update(messages=True)),
            "below zero": changed("load", lambda r: r.update(messages=-1)),
            "another version": changed("load", lambda r: r.update(schema_version=2)),
            "an error nobody knows": changed("load", lambda r: r["errors_by_kind"].update(oops=1)),
            "a latency is missing": changed("load", lambda r: r["latency_us"].pop("p9999")),
            "in a list": changed("comparison", lambda r: r["results"][0].pop("name")),
            "in a spread": changed("comparison",
                                   lambda r: r["results"][0]["spread"]["latency_us"].pop("p50")),
            "no comparison": changed("comparison", lambda r: r.update(compare=[])),
        }
        for what, report in wrong.items():
            with self.subTest(what), self.assertRaises(AssertionError):
                validate(report)


if __name__ == "__main__":
    unittest.main()
