# SPDX-License-Identifier: MIT
"""The book: every chapter in both languages with the same code, every link leads somewhere, and what a
reader is told to type does what it is said to."""

import glob
import os
import re
import subprocess
import tempfile
import unittest

from _program import PROGRAM, SOURCE, contains

BOOK = os.path.join(SOURCE, "docs", "book")
CHAPTERS = sorted(os.path.basename(path) for path in glob.glob(os.path.join(BOOK, "*.md"))
                  if not path.endswith(".zh-CN.md"))
MODELS = ("iterative", "process", "prefork", "thread", "pool", "polling", "select", "poll",
          "epoll-level", "epoll-edge", "io_uring")
TRANSLATED = (".md", ".zh-CN.md")


def text_of(name):
    with open(os.path.join(BOOK, name), encoding="utf-8") as file:
        return file.read()


def in_chinese(name):
    return name.removesuffix(".md") + ".zh-CN.md"


def blocks(text):
    """The code blocks: [(language, content)]. Diagrams have words in them and are not code."""
    found = re.findall(r"^```(\S*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for block in found if block[0] != "mermaid"]


def without_code(text):
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(path):
    """The anchors of a document's headings, as GitHub makes them."""
    with open(path, encoding="utf-8") as file:
        headings = re.findall(r"^#+ (.*)$", without_code(file.read()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class Book(unittest.TestCase):
    def test_has_a_chapter_for_each_model_in_the_order_of_history(self):
        titles = [re.sub(r"^\d+-|\.md$", "", name) for name in CHAPTERS if name != "README.md"]
        self.assertEqual(titles, ["sockets", "udp", "tcp", *MODELS])

    def test_every_chapter_exists_in_both_languages(self):
        chinese = {os.path.basename(path) for path in glob.glob(os.path.join(BOOK, "*.zh-CN.md"))}
        self.assertEqual(chinese, {in_chinese(name) for name in CHAPTERS})

    def test_both_languages_have_the_same_code_and_shape(self):
        for name in CHAPTERS:
            english, chinese = text_of(name), text_of(in_chinese(name))
            with self.subTest(name):
                self.assertEqual(blocks(english), blocks(chinese))
                self.assertEqual(re.findall("^#+ ", english, re.MULTILINE),
                                 re.findall("^#+ ", chinese, re.MULTILINE))
                self.assertEqual(sorted(re.findall(r"src/[\w/.]+\.\w+", english)),
                                 sorted(re.findall(r"src/[\w/.]+\.\w+", chinese)))

    def test_every_link_leads_somewhere(self):
        for name in CHAPTERS:
            for document in (name, in_chinese(name)):
                for target in re.findall(r"\]\(([^)]+)\)", without_code(text_of(document))):
                    with self.subTest(document, target=target):
                        self.assertNotRegex(target, "^[a-z]+:", "the book must read offline")
                        path, _, anchor = target.partition("#")
                        path = os.path.normpath(os.path.join(BOOK, path or document))
                        self.assertTrue(os.path.exists(path), path)
                        if anchor:
                            self.assertIn(anchor, anchors(path))

    def test_links_stay_in_their_language(self):
        for name in CHAPTERS:
            switch = in_chinese(name)
            targets = re.findall(r"\]\(([\w-]+(?:\.zh-CN)?\.md)", text_of(name))
            self.assertEqual([one for one in targets if one.endswith(".zh-CN.md")], [switch], name)
            targets = re.findall(r"\]\(([\w-]+(?:\.zh-CN)?\.md)", text_of(switch))
            self.assertEqual([one for one in targets if not one.endswith(".zh-CN.md")], [name], switch)

    def test_the_contents_name_every_chapter(self):
        for contents, ending in zip(("README.md", "README.zh-CN.md"), TRANSLATED):
            named = re.findall(r"\]\((\d\d-[\w-]+)" + re.escape(ending) + r"\)", text_of(contents))
            self.assertEqual([name + ".md" for name in named],
                             [name for name in CHAPTERS if name != "README.md"])

    def test_what_the_trigger_example_is_said_to_print_is_what_it_prints(self):
        with tempfile.TemporaryDirectory() as directory:
            example = os.path.join(directory, "trigger")
            source = os.path.join(SOURCE, "examples", "trigger.cpp")
            subprocess.run(["g++", "-std=c++20", source, "-o", example], check=True)
            printed = subprocess.run([example], capture_output=True, text=True, check=True).stdout
        self.assertIn(("text", printed), blocks(text_of("12-epoll-level.md")))

    @unittest.skipIf(contains(b"__tsan_init"), "ThreadSanitizer holds back signals that end servers")
    def test_what_is_marked_checked_runs(self):
        """English only: the code of the others is the same."""
        done = subprocess.run(
            ["bash", os.path.join(SOURCE, "scripts", "check-readme.sh"), os.path.dirname(PROGRAM),
             *(os.path.join(BOOK, name) for name in CHAPTERS)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        marked = sum(content.startswith("# checked\n") for name in CHAPTERS
                     for language, content in blocks(text_of(name)) if language == "sh")
        self.assertGreater(marked, 10)
        self.assertIn(f"{marked} blocks run", done.stdout)


if __name__ == "__main__":
    unittest.main()
