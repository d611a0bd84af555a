#!/usr/bin/env python3
"""Writes a compile_commands.json from Bazel's actions.

Usage: bazel aquery --output=jsonproto 'mnemonic(CppCompile, //...)' |
       compile_commands.py WORKSPACE_DIR

Prints one entry for each source file of this project, with clang's flags and
paths relative to the workspace. Includes resolve without Bazel's output tree:
own headers from the workspace, packaged ones from the system directories.
"""

import json
import sys

# Flags that take the next argument with them and mean nothing to an editor:
# outputs, dependency files and search paths inside Bazel's output tree.
FLAGS_WITH_VALUE_DROPPED = {"-MF", "-o"}
FLAGS_DROPPED = {"-MD", "-c"}
PREFIXES_DROPPED = ("-frandom-seed=",)


def editor_arguments(arguments, source):
    """The compiler's arguments, without those that only a build needs."""
    kept = [arguments[0]]
    rest = iter(arguments[1:])
    for argument in rest:
        if argument in FLAGS_WITH_VALUE_DROPPED:
            next(rest)
        elif argument == "-iquote":
            directory = next(rest)
            if directory == ".":
                kept += [argument, directory]
        elif (
            argument not in FLAGS_DROPPED
            and argument != source
            and not argument.startswith(PREFIXES_DROPPED)
        ):
            kept.append(argument)
    return kept + ["-c", source]


def source_of(arguments):
    """The file that the action compiles: the argument after -c."""
    return arguments[arguments.index("-c") + 1]


def main():
    """Turns the action graph on standard input into entries."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    graph = sys.stdin.read()
    if not graph:
        sys.exit("compile_commands.py: no action graph on standard input")
    entries = {}
    for action in json.loads(graph).get("actions", []):
        source = source_of(action["arguments"])
        if not source.startswith("external/"):
            entries[source] = {
                "directory": sys.argv[1],
                "file": source,
                "arguments": editor_arguments(action["arguments"], source),
            }
    json.dump([entries[source] for source in sorted(entries)], sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
