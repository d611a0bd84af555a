#!/usr/bin/env python3
"""Counts the test cases of one `bazel test` run.

Usage: test_summary.py EVENTS

EVENTS is the file that `bazel test --build_event_json_file` wrote: it names the
test.xml of every target that ran, cached ones included. Prints each skipped
case with its reason, each failed case and each target that gave no result, and
at last one line:

    N passed, N failed[, N skipped]

A target that fails outside its cases (a crash, a time-out, a leak found at
exit) or that doesn't build counts as one failed case. Ends with 0 if at least
one case passed and none failed, else with 1.
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree
from pathlib import Path


class Tally:
    """What the targets' results add up to."""

    def __init__(self):
        self.passed_count = 0
        self.failed = []
        self.skipped = []

    def add_unbuilt(self, label):
        """Counts a target that doesn't build, however often Bazel says so."""
        name = f"{label}: did not build"
        if name not in self.failed:
            self.failed.append(name)

    def add_case(self, label, case):
        """Counts one <testcase> element."""
        name = f"{label}: {case.get('classname', '')}.{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            self.failed.append(name)
        elif skipped is not None or case.get("result") == "skipped":
            reason = "" if skipped is None else skipped.get("message", "")
            self.skipped.append(f"{name}: {one_line(reason)}")
        elif case.get("status") != "notrun":
            self.passed_count += 1

    def add_result(self, label, result):
        """Counts one run of one target or shard."""
        failed_before = len(self.failed)
        for path in xml_paths(result):
            for case in ElementTree.parse(path).getroot().iter("testcase"):
                self.add_case(label, case)
        if result["status"] != "PASSED" and len(self.failed) == failed_before:
            self.failed.append(f"{label}: {result['status']}, see its test.log")


def one_line(reason):
    """Drops the `file:line` that GoogleTest puts before a reason."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    return " ".join(lines[1:] if len(lines) > 1 else lines)


def xml_paths(result):
    """The test.xml files of one result that exist."""
    for output in result.get("testActionOutput", []):
        path = Path(urllib.parse.unquote(urllib.parse.urlsplit(output["uri"]).path))
        if output["name"] == "test.xml" and path.exists():
            yield path


def read_events(path):
    """Adds up all test events in the file."""
    tally = Tally()
    with open(path, encoding="utf-8") as events:
        for line in events:
            event = json.loads(line)
            if "testResult" in event:
                tally.add_result(
                    event["id"]["testResult"]["label"], event["testResult"]
                )
            completed = event["id"].get("targetCompleted")
            if completed and not event.get("completed", {}).get("success"):
                tally.add_unbuilt(completed["label"])
    return tally


def main():
    """Prints the summary of the file named on the command line."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tally = read_events(sys.argv[1])
    for name in tally.skipped:
        print(f"skipped: {name}")
    for name in tally.failed:
        print(f"failed: {name}")
    line = f"{tally.passed_count} passed, {len(tally.failed)} failed"
    if tally.skipped:
        line += f", {len(tally.skipped)} skipped"
    print(line)
    return 0 if tally.passed_count > 0 and not tally.failed else 1


if __name__ == "__main__":
    sys.exit(main())
