#include "tests/torture/planted_programme.h"

#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/torture/planted_bug.h"

namespace quire::torture {
namespace {

constexpr const char* kControls = "controls that saw nothing";

// What the command prints; empty if it fails.
std::string OutputOf(const std::string& command) {
  std::string output;
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  char buffer[4096];
  for (size_t got; (got = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    output.append(buffer, got);
  }
  const int status = pclose(pipe);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? output : "";
}

// What `planted` says.
struct Sight {
  std::string programme;  // that saw something; "-": none did
  uint64_t states = 0;
  std::string failure;
};

// Nothing if `planted` fails.
std::optional<Sight> Hunt(const std::string& flags) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe")
                                  .replace_filename("planted");
  // The last line; those before are its driver's.
  std::istringstream line(
      OutputOf(absl::StrCat(program, flags, " | tail -n 1")));
  Sight sight;
  line >> sight.programme >> sight.states;
  if (line.fail()) return std::nullopt;
  std::getline(line >> std::ws, sight.failure);
  return sight;
}

void RunBug(const PlantedBug& bug, const std::string& replay,
            Outcome& outcome) {
  const std::optional<Sight> sight = Hunt(absl::StrCat(" --bug=", bug.name));
  ++outcome.counts["bugs planted"];
  if (!sight.has_value() || sight->programme == "-") {
    outcome.failures.push_back(
        absl::StrCat(replay, bug.name, " (", bug.meaning, ") was not seen in ",
                     sight.has_value() ? sight->states : 0, " states"));
    return;
  }
  ++outcome.counts["bugs seen"];
  outcome.counts[absl::StrCat("until ", bug.name, ": ", sight->programme)] =
      sight->states;
}

// The control: what sees a bug where none is planted sees nothing at all.
void RunWithoutBug(const std::string& replay, Outcome& outcome) {
  const std::optional<Sight> sight = Hunt("");
  if (!sight.has_value() || sight->programme != "-") {
    outcome.failures.push_back(absl::StrCat(
        replay, "no bug was planted, but ",
        sight.has_value() ? sight->failure : "the program planted failed"));
    return;
  }
  ++outcome.counts[kControls];
  outcome.counts["states of the control"] = sight->states;
}

void RunSeed(uint64_t seed, Outcome& outcome) {
  const std::string replay =
      absl::StrCat("--programme=planted_bugs --seeds=", seed, ": ");
  const std::span<const PlantedBug> bugs = PlantedBugs();
  if (seed < bugs.size()) {
    RunBug(bugs[seed], replay, outcome);
  } else {
    RunWithoutBug(replay, outcome);
  }
}

}  // namespace

Programme PlantedBugsAreSeen() {
  return {.name = "planted_bugs",
          .description =
              "each of a list of planted bugs is seen by one of the "
              "programmes, and nothing without a bug",
          .bars = {{"bugs seen", PlantedBugs().size()}, {kControls, 1}},
          .seed_count = PlantedBugs().size() + 1,
          .run = RunSeed};
}

}  // namespace quire::torture
