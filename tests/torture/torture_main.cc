// `./dev torture`: runs the programmes for a time and keeps the ledger.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "tests/torture/driver.h"
#include "tests/torture/ledger.h"
#include "tests/torture/programmes.h"
#include "tools/flags.h"

namespace quire::torture {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  uint64_t minutes = 10;
  uint64_t jobs = 2;
  std::optional<std::string> programme;
  std::optional<std::string> seeds;
  std::optional<std::string> ledger;
  std::optional<std::string> revision;
  std::optional<std::string> commit;
  bool dirty = false;
  bool list = false;
  bool report = false;
};

tools::FlagSet Flags(Options& options) {
  tools::FlagSet flags;
  flags.AddNumber("minutes", "N", "how long to run; default 10",
                  &options.minutes);
  flags.AddText("programme", "NAME,...", "only these; default all",
                &options.programme);
  flags.AddText("seeds", "FIRST[-LAST]",
                "only these, once more and in this process; the ledger isn't "
                "touched",
                &options.seeds);
  flags.AddNumber("jobs", "N", "processes at a time; default 2", &options.jobs);
  flags.AddSwitch("list", "list the programmes and end", &options.list);
  flags.AddSwitch("report", "print the ledger's totals and end",
                  &options.report);
  flags.AddText("ledger", "FILE", "set by ./dev", &options.ledger);
  flags.AddText("revision", "HASH", "set by ./dev", &options.revision);
  flags.AddText("commit", "HASH", "set by ./dev", &options.commit);
  flags.AddSwitch("dirty", "set by ./dev", &options.dirty);
  return flags;
}

// Those that are asked for; nothing, with a message, if a name is none.
std::optional<std::vector<Programme>> Choose(const Options& options) {
  if (!options.programme.has_value()) return Programmes();
  std::vector<Programme> chosen;
  for (const std::string& name :
       std::vector<std::string>(absl::StrSplit(*options.programme, ','))) {
    const auto it = std::find_if(
        Programmes().begin(), Programmes().end(),
        [&](const Programme& programme) { return programme.name == name; });
    if (it == Programmes().end()) {
      std::fprintf(stderr, "torture: no such programme: %s\n", name.c_str());
      return std::nullopt;
    }
    chosen.push_back(*it);
  }
  return chosen;
}

int Replay(const std::vector<Programme>& programmes, const std::string& seeds) {
  const std::vector<std::string> ends = absl::StrSplit(seeds, '-');
  const std::optional<uint64_t> first = tools::ParseNumber(ends.front());
  const std::optional<uint64_t> last = tools::ParseNumber(ends.back());
  if (ends.size() > 2 || !first.has_value() || !last.has_value()) {
    std::fprintf(stderr, "torture: not a range of seeds: %s\n", seeds.c_str());
    return 2;
  }
  bool failed = false;
  for (const Programme& programme : programmes) {
    Outcome outcome;
    for (uint64_t seed = *first; seed <= *last; ++seed) {
      programme.run(seed, outcome);
    }
    std::printf("%s: seeds %s\n", programme.name.c_str(), seeds.c_str());
    if (!outcome.skipped.empty()) {
      std::printf("  skipped: %s\n", outcome.skipped.c_str());
    }
    for (const auto& [name, count] : outcome.counts) {
      std::printf("  %llu %s\n", static_cast<unsigned long long>(count),
                  name.c_str());
    }
    for (const std::string& failure : outcome.failures) {
      std::printf("  FAILED %s\n", failure.c_str());
      failed = true;
    }
  }
  return failed ? 1 : 0;
}

// Whether `entry` has every seed that there is.
bool IsDone(const Programme& programme, const LedgerEntry& entry) {
  return programme.seed_count != 0 &&
         entry.seeds.FirstMissing() >= programme.seed_count;
}

// False if the ledger can't be written.
bool RunAll(const std::vector<Programme>& programmes, const Options& options,
            Ledger& ledger) {
  const Clock::time_point end =
      Clock::now() + std::chrono::minutes(options.minutes);
  for (size_t i = 0; i < programmes.size(); ++i) {
    const Programme& programme = programmes[i];
    LedgerEntry& entry = ledger.Entry(programme.name, *options.revision);
    if (IsDone(programme, entry)) continue;
    // What is left, shared among those that are left.
    const auto slice = (end - Clock::now()) / (programmes.size() - i);
    const RunResult result = RunProgramme(
        programme, entry.seeds, Clock::now() + slice,
        static_cast<int>(std::clamp<uint64_t>(options.jobs, 1, 64)));
    if (!result.outcome.skipped.empty()) {
      std::printf("%s: skipped: %s\n", programme.name.c_str(),
                  result.outcome.skipped.c_str());
    }
    for (const auto& [begin, last] : result.seeds.ranges()) {
      entry.seeds.Add(begin, last);
    }
    entry.commit = options.commit.value_or("");
    entry.dirty = entry.dirty || options.dirty;
    entry.seconds += result.seconds;
    entry.outcome.Add(result.outcome);
    if (const absl::Status saved = ledger.Save(*options.ledger); !saved.ok()) {
      std::fprintf(stderr, "torture: %s\n", saved.ToString().c_str());
      return false;
    }
  }
  return true;
}

int Main(int argc, char** argv) {
  Options options;
  tools::FlagSet flags = Flags(options);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (const auto rest = flags.Parse(arguments); !rest.ok() || !rest->empty()) {
    std::fprintf(
        stderr, "torture: %s\n%s",
        rest.ok() ? "takes flags only" : rest.status().ToString().c_str(),
        flags.Help().c_str());
    return 2;
  }
  const std::optional<std::vector<Programme>> programmes = Choose(options);
  if (!programmes.has_value()) return 2;
  if (options.list) {
    for (const Programme& programme : *programmes) {
      std::printf("%-16s %s\n", programme.name.c_str(),
                  programme.description.c_str());
    }
    return 0;
  }
  if (options.seeds.has_value()) return Replay(*programmes, *options.seeds);
  if (!options.ledger.has_value() || !options.revision.has_value()) {
    std::fprintf(stderr, "torture: --ledger and --revision are missing\n");
    return 2;
  }
  absl::StatusOr<Ledger> ledger = Ledger::Load(*options.ledger);
  if (!ledger.ok()) {
    std::fprintf(stderr, "torture: %s\n", ledger.status().ToString().c_str());
    return 2;
  }
  if (!options.report && !RunAll(*programmes, options, *ledger)) return 2;
  const LedgerReport report = ReportOn(*ledger, *programmes, *options.revision);
  std::fputs(report.text.c_str(), stdout);
  return report.failed ? 1 : 0;
}

}  // namespace
}  // namespace quire::torture

int main(int argc, char** argv) { return quire::torture::Main(argc, argv); }
