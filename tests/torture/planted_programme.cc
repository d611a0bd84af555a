#include "tests/torture/planted_programme.h"

#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/torture/planted_bug.h"

namespace quire::torture {
namespace {

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

void RunBug(uint64_t seed, Outcome& outcome) {
  const PlantedBug& bug = PlantedBugs()[seed];
  const std::string program = std::filesystem::read_symlink("/proc/self/exe")
                                  .replace_filename("planted");
  // The last line; those before are its driver's.
  std::string output =
      OutputOf(absl::StrCat(program, " --bug=", bug.name, " | tail -n 1"));
  std::istringstream words(output);
  std::string programme;
  uint64_t states = 0;
  words >> programme >> states;
  ++outcome.counts["bugs planted"];
  if (words.fail() || programme == "-") {
    outcome.failures.push_back(absl::StrCat(
        "--programme=planted_bugs --seeds=", seed, ": ", bug.name, " (",
        bug.meaning, ") was not seen in ", states, " states"));
    return;
  }
  ++outcome.counts["bugs seen"];
  outcome.counts[absl::StrCat("until ", bug.name, ": ", programme)] = states;
}

}  // namespace

Programme PlantedBugsAreSeen() {
  return {.name = "planted_bugs",
          .description =
              "each of a list of planted bugs is seen by one of the "
              "programmes",
          .bars = {{"bugs seen", PlantedBugs().size()}},
          .seed_count = PlantedBugs().size(),
          .run = RunBug};
}

}  // namespace quire::torture
