#include "tests/torture/media/judged_life.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace quire::torture {
namespace {

// Of one database, before another seed's begins.
constexpr uint64_t kRounds = 10;

}  // namespace

JudgedLife::JudgedLife(std::string programme, uint64_t seed, uint64_t stream,
                       Outcome& outcome)
    : programme_(std::move(programme)),
      random_(SeededRandom({.seed = seed}, stream)),
      outcome_(outcome),
      round_{.seed = seed},
      stream_(stream) {}

void JudgedLife::Run() {
  outcome_.skipped = MediumFailure();
  if (!outcome_.skipped.empty()) return;
  path_ = Directory() + "/db";
  for (uint64_t i = 0; i < kRounds; ++i) {
    round_.number = i;
    std::string wrong = RunRound();
    if (!MediumFailure().empty()) {
      if (MediumMayEnd()) {
        outcome_.counts["file systems that could not be mounted again"] += 1;
        return;
      }
      wrong = MediumFailure();
    }
    if (wrong.empty()) continue;
    outcome_.failures.push_back(absl::StrCat("--programme=", programme_,
                                             " --seeds=", round_.seed,
                                             ": round ", i, ": ", wrong));
    return;
  }
}

JudgedLife::Counts JudgedLife::Durable() const {
  Counts counts;
  for (size_t i = 0; i < kWriters; ++i) {
    counts[i] = progress_->writers[i].durable;
  }
  return counts;
}

void JudgedLife::SetDurable(const Counts& counts) {
  for (size_t i = 0; i < kWriters; ++i) {
    progress_->writers[i].durable = counts[i];
  }
}

Options JudgedLife::JudgesOptions(uint64_t judge) const {
  Options options = RandomOptions(round_, stream_ + kStreams / 2 + judge);
  options.create_if_missing = true;
  return options;
}

Verdict JudgedLife::Judge(uint64_t judge, Crash crash) {
  const Options options = JudgesOptions(judge);
  ChildProcess process(
      [&] { return oracle_.Judge(path_, round_, crash, options); });
  if (!process.WaitFor(kPatience)) return {.wrong = "opening and reading hang"};
  const Verdict verdict = oracle_.VerdictOf(process);
  if (verdict.judged) oracle_.HoldFast();
  return verdict;
}

Programme NewLifeProgramme(
    const std::string& name, const std::string& description, uint64_t bar,
    std::function<std::unique_ptr<JudgedLife>(uint64_t seed, Outcome&)> make) {
  Programme programme;
  programme.name = name;
  programme.description = description;
  programme.bars = {{name, bar}};
  programme.run = [make = std::move(make)](uint64_t seed, Outcome& outcome) {
    make(seed, outcome)->Run();
  };
  return programme;
}

}  // namespace quire::torture
