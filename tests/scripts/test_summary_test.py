"""Tests of scripts/test_summary.py: what counts as passed, failed, skipped."""

import json
import os
import tempfile
import unittest
from pathlib import Path

from scripts import test_summary

# As GoogleTest writes it: two cases that pass, one that fails, one skipped, one
# disabled.
MIXED_XML = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="5" failures="1" disabled="1" errors="0" name="AllTests">
  <testsuite name="A" tests="5" failures="1" disabled="1" skipped="1">
    <testcase name="One" status="run" result="completed" classname="A" />
    <testcase name="Two" status="run" result="completed" classname="A" />
    <testcase name="Bad" status="run" result="completed" classname="A">
      <failure message="a_test.cc:1&#x0A;Failed" type="">text</failure>
    </testcase>
    <testcase name="Skip" status="run" result="skipped" classname="A">
      <skipped message="a_test.cc:2&#x0A;needs root&#x0A;" />
    </testcase>
    <testcase name="DISABLED_X" status="notrun" result="suppressed"
              classname="A" />
  </testsuite>
</testsuites>
"""

PASSING_XML = """<testsuites><testsuite name="A">
  <testcase name="One" status="run" result="completed" classname="A" />
</testsuite></testsuites>"""

# As Bazel writes it for a program that left no XML: a crash, a time-out.
CRASHED_XML = """<testsuites><testsuite name="t" tests="1" failures="0"
  errors="1"><testcase name="t" status="run" duration="1" time="1"><error
  message="exited with error code 134"></error></testcase></testsuite>
</testsuites>"""


class ReadEventsTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
        self.events = []

    def add_result(self, label, status, xml):
        """Adds the event of a target that ran; `xml` may be None."""
        path = Path(self.directory, f"{len(self.events)} test.xml")
        if xml is not None:
            path.write_text(xml, encoding="utf-8")
        output = {"name": "test.xml", "uri": path.as_uri()}
        self.events.append(
            {
                "id": {"testResult": {"label": label}},
                "testResult": {"status": status, "testActionOutput": [output]},
            }
        )

    def add_completed(self, label, completed):
        """Adds the event that says whether a target was built."""
        self.events.append(
            {"id": {"targetCompleted": {"label": label}}, "completed": completed}
        )

    def tally(self):
        path = Path(self.directory, "events.json")
        path.write_text("\n".join(map(json.dumps, self.events)), encoding="utf-8")
        return test_summary.read_events(path)

    def test_counts_cases_not_targets(self):
        self.add_completed("//a", {"success": True})
        self.add_result("//a", "FAILED", MIXED_XML)
        self.add_result("//b", "PASSED", PASSING_XML)
        tally = self.tally()
        self.assertEqual(tally.passed_count, 3)
        self.assertEqual(tally.failed, ["//a: A.Bad"])
        self.assertEqual(tally.skipped, ["//a: A.Skip: needs root"])

    def test_a_crash_is_a_failure(self):
        self.add_result("//a", "FAILED", CRASHED_XML)
        self.assertEqual(len(self.tally().failed), 1)

    def test_a_missing_result_is_a_failure(self):
        self.add_result("//a", "TIMEOUT", None)
        self.assertEqual(self.tally().failed, ["//a: TIMEOUT, see its test.log"])

    def test_a_failure_after_all_cases_passed_counts(self):
        self.add_result("//a", "FAILED", PASSING_XML)
        tally = self.tally()
        self.assertEqual(tally.passed_count, 1)
        self.assertEqual(tally.failed, ["//a: FAILED, see its test.log"])

    def test_a_target_that_does_not_build_is_one_failure(self):
        self.add_completed("//a", {})
        self.add_completed("//a", {})
        self.assertEqual(self.tally().failed, ["//a: did not build"])


if __name__ == "__main__":
    unittest.main()
