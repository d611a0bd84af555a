"""Tests of scripts/compile_commands.py."""

import unittest

from scripts import compile_commands


class EditorArgumentsTest(unittest.TestCase):
    def test_drops_what_only_a_build_needs(self):
        arguments = (
            "clang -Wall -MD -MF out/a.d -frandom-seed=a.o -iquote . "
            "-iquote bazel-out/bin -std=c++20 -c io/a.cc -o out/a.o"
        ).split()
        source = compile_commands.source_of(arguments)
        self.assertEqual(source, "io/a.cc")
        self.assertEqual(
            " ".join(compile_commands.editor_arguments(arguments, source)),
            "clang -Wall -iquote . -std=c++20 -c io/a.cc",
        )


if __name__ == "__main__":
    unittest.main()
