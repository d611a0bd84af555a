#include "tests/memory/memory_programme.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "io/open_provider.h"
#include "tests/memory/failing_memory.h"
#include "tests/memory/out_of_memory.h"
#include "tests/testing/memory_directory.h"

namespace quire::testing {
namespace {

constexpr std::array<ReadMode, 4> kModes = {
    ReadMode::kPread, ReadMode::kBuffered, ReadMode::kMmap, ReadMode::kDirect};
constexpr uint64_t kStride = 16;

void RunSeed(uint64_t seed, torture::Outcome& outcome) {
  if (!CanFailMemory()) {
    outcome.skipped = "a sanitizer has the memory";
    return;
  }
  const std::vector<MemoryStep> steps = AllMemorySteps();
  MemoryPart part;
  part.first = 1 + seed % kStride;
  part.stride = kStride;
  part.mode = kModes[seed / kStride % kModes.size()];
  part.step = steps[seed / kStride / kModes.size() % steps.size()];
  const MemoryDirectory directory;
  for (const bool sticky : {false, true}) {
    part.sticky = sticky;
    const MemoryOutcomes outcomes = RunOutOfMemory(part, directory.path());
    const std::string name = MemoryStepName(part.step);
    outcome.counts[absl::StrCat("failed requests, ", name)] += outcomes.points;
    outcome.counts["then done"] += outcomes.done;
    outcome.counts["then refused"] += outcomes.refused;
    outcome.counts["then std::bad_alloc"] += outcomes.thrown;
    outcome.counts[absl::StrCat("then the process ended, ", name)] +=
        outcomes.ended;
    if (outcomes.points > 0) ++outcome.counts["parts run to their end"];
    for (const std::string& failure : outcomes.failures) {
      outcome.failures.push_back(
          absl::StrCat("--programme=memory --seeds=", seed, ": ",
                       io::ReadModeName(part.mode), ": ", failure));
    }
  }
}

}  // namespace

torture::Programme MemoryProgramme() {
  torture::Programme programme;
  programme.name = "memory";
  programme.description =
      "every request for memory fails, alone and with all after it";
  programme.seed_count = kStride * kModes.size() * AllMemorySteps().size();
  programme.bars["parts run to their end"] = 2 * programme.seed_count;
  programme.run = RunSeed;
  return programme;
}

}  // namespace quire::testing
