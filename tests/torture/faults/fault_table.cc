#include "tests/torture/faults/fault_table.h"

#include <algorithm>

#include "tests/testing/temp_directory.h"
#include "tests/torture/faults/trial.h"
#include "tests/torture/media/fuse_disk.h"

namespace quire::torture {
namespace {

using After = Trial::After;

Tally RunTrials(uint64_t trials,
                const std::function<void(uint64_t seed, Tally&)>& run) {
  Tally tally;
  for (uint64_t seed = 0; seed < trials; ++seed) run(seed, tally);
  return tally;
}

// A row in which a settled store is harmed while it is closed.
Tally HarmClosed(const Subject& subject, const std::string& end,
                 uint64_t trials,
                 const std::function<void(Trial&, const std::string&)>& harm) {
  if (end.empty()) return {};
  return RunTrials(trials, [&](uint64_t seed, Tally& tally) {
    Trial trial(subject, seed);
    trial.Fill(After::kSettled);
    harm(trial, trial.FileEnding(end));
    const std::string outcome = trial.Read();
    tally.Add(outcome, trial.reading().lost());
  });
}

Tally FlipInLog(const Subject& subject, uint64_t trials) {
  if (subject.log.empty()) return {};
  return RunTrials(trials, [&](uint64_t seed, Tally& tally) {
    Trial trial(subject, seed);
    trial.Fill(After::kDeath);
    trial.FlipABit(trial.FileEnding(subject.log));
    const std::string outcome = trial.Read();
    tally.Add(outcome, trial.reading().lost());
  });
}

Tally FailLogWhileOpening(const Subject& subject, uint64_t) {
  if (subject.log.empty()) return {};
  return RunTrials(1, [&](uint64_t seed, Tally& tally) {
    Trial trial(subject, seed);
    trial.Fill(After::kDeath);
    trial.FailReads(subject.log);
    const std::string first = trial.Read();
    const uint64_t lost = trial.reading().lost();
    trial.disk().ClearFaults();
    const std::string second = trial.Read();
    tally.Add(first + ", then " + second,
              std::max(lost, trial.reading().lost()));
  });
}

Tally FlipInData(const Subject& subject, uint64_t trials) {
  return HarmClosed(
      subject, subject.data, trials,
      [](Trial& trial, const std::string& file) { trial.FlipABit(file); });
}

Tally FlipInIndex(const Subject& subject, uint64_t trials) {
  return HarmClosed(
      subject, subject.index, trials,
      [](Trial& trial, const std::string& file) { trial.FlipABit(file); });
}

Tally CutData(const Subject& subject, uint64_t) {
  return HarmClosed(
      subject, subject.data, 1,
      [](Trial&, const std::string& file) { Trial::CutInHalf(file); });
}

// A row in which a settled store is harmed while it is open.
Tally HarmOpen(const Subject& subject,
               const std::function<void(Trial&, const std::string&)>& harm) {
  return RunTrials(1, [&](uint64_t seed, Tally& tally) {
    Trial trial(subject, seed);
    trial.Fill(After::kSettled);
    const std::string file = trial.FileEnding(subject.data);
    // Some of it: a read that fails takes its time, the kernel's and ours.
    const std::string outcome = trial.Read([&] { harm(trial, file); }, 20);
    tally.Add(outcome, trial.reading().lost());
  });
}

Tally CutDataWhileOpen(const Subject& subject, uint64_t) {
  return HarmOpen(
      subject, [](Trial&, const std::string& file) { Trial::CutInHalf(file); });
}

Tally FailData(const Subject& subject, uint64_t) {
  return HarmOpen(subject, [&subject](Trial& trial, const std::string&) {
    trial.FailReads(subject.data);
  });
}

Tally FailASync(const Subject& subject, uint64_t) {
  return RunTrials(1, [&](uint64_t seed, Tally& tally) {
    Trial trial(subject, seed);
    std::vector<std::string> answers;
    trial.FillAndSee(Trial::kEntries / 2, nullptr, &answers);
    answers.clear();
    trial.FillAndSee(
        Trial::kEntries / 2 + 3 * Trial::kEntriesPerWrite,
        [&trial] {
          trial.disk().Inject({.op = DiskOp::kSync, .count = 1, .lose = true});
        },
        &answers);
    const bool said = !answers.empty() && !answers[0].empty();
    const bool refused = answers.size() > 1 && !answers[1].empty();
    trial.disk().ClearFaults();
    const std::string at_reopening = trial.Read();
    tally.Add(std::string(said ? "" : "not reported, ") +
                  (refused ? "next refused, " : "next accepted, ") +
                  at_reopening + " at reopening",
              trial.reading().lost());
  });
}

Tally CutPower(const Subject& subject, uint64_t trials, Naming naming) {
  return RunTrials(trials, [&](uint64_t seed, Tally& tally) {
    Trial trial(subject, seed, naming);
    trial.disk().PowerOff(1 + trial.random()() % 80);
    trial.Fill(After::kDeath);
    trial.disk().PowerOff(0);
    trial.disk().Cut({.seed = seed,
                      .keep_percent = static_cast<uint32_t>(seed % 5 * 25),
                      .granule_bytes = seed % 2 == 0 ? 512u : 4096u});
    const std::string outcome = trial.Read();
    tally.Add(outcome, trial.reading().lost());
  });
}

}  // namespace

void Tally::Add(const std::string& outcome, uint64_t lost) {
  Outcomes& outcomes = outcomes_[outcome];
  ++outcomes.trials;
  outcomes.lost_most = std::max(outcomes.lost_most, lost);
  // What it did on the way is no harm if it said so.
  const bool died = outcome.find("killed") != std::string::npos ||
                    outcome.find("ended") != std::string::npos ||
                    outcome.find("hangs") != std::string::npos ||
                    outcome.find("not reported") != std::string::npos;
  if (lost > 0 || died) clean_ = false;
}

std::string Tally::Text() const {
  if (outcomes_.empty()) return "-";
  std::string text;
  for (const auto& [outcome, outcomes] : outcomes_) {
    if (!text.empty()) text += "; ";
    text += outcome;
    if (outcomes_.size() > 1) text += " " + std::to_string(outcomes.trials);
    if (outcomes.lost_most > 0) {
      text += " (up to " + std::to_string(outcomes.lost_most) + " lost)";
    }
  }
  return text;
}

const std::vector<FaultRow>& FaultRows() {
  static const auto* const rows = new std::vector<FaultRow>{
      {"1 bit in the log; reopened", FlipInLog},
      {"EIO on reads of the log while it is opened; then a healthy disk",
       FailLogWhileOpening},
      {"1 bit in a file of values", FlipInData},
      {"1 bit in a file of the index", FlipInIndex},
      {"EIO on reads of values", FailData},
      {"file of values cut in half while closed", CutData},
      {"file of values cut in half while open", CutDataWhileOpen},
      {"one fsync fails and loses what it was to sync", FailASync},
      {"power cut, strict names",
       [](const Subject& subject, uint64_t trials) {
         return CutPower(subject, 4 * trials, Naming::kStrict);
       }},
      {"power cut, journalled names",
       [](const Subject& subject, uint64_t trials) {
         return CutPower(subject, 4 * trials, Naming::kJournal);
       }},
  };
  return *rows;
}

std::string WhyNoFaultTable() {
  const testing::TempDirectory directory;
  return FuseDisk(directory.path(), Naming::kStrict).failure();
}

}  // namespace quire::torture
