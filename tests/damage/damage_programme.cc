#include "tests/damage/damage_programme.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "io/open_provider.h"
#include "tests/damage/damage.h"
#include "tests/damage/damage_sweep.h"
#include "tests/damage/image_check.h"
#include "tests/damage/small_database.h"
#include "tests/testing/memory_directory.h"

namespace quire::testing {
namespace {

constexpr std::array<ReadMode, 4> kModes = {
    ReadMode::kPread, ReadMode::kBuffered, ReadMode::kMmap, ReadMode::kDirect};
constexpr uint64_t kWays = kModes.size() + 1;
constexpr uint64_t kStride = 128;

// How many damages of each kind there are: the sizes of the lists. Each seed
// looks whether that is so.
struct KindSize {
  DamageKind kind;
  uint64_t size;
};
constexpr std::array<KindSize, 7> kKinds = {{{DamageKind::kFlip, 668'096},
                                             {DamageKind::kTruncate, 83'512},
                                             {DamageKind::kExtend, 28},
                                             {DamageKind::kZero, 190},
                                             {DamageKind::kDuplicate, 27'942},
                                             {DamageKind::kSwap, 13'971},
                                             {DamageKind::kStale, 386}}};

std::string WayName(uint64_t way) {
  return way == kModes.size() ? "writing" : io::ReadModeName(kModes[way]);
}

void RunSeed(uint64_t seed, torture::Outcome& outcome) {
  const uint64_t way = seed % kWays;
  const uint64_t first = seed / kWays;
  const MemoryDirectory directory;
  const SmallDatabase database = MakeSmallDatabase(directory.path());
  SweepPart part;
  part.how.for_writing = way == kModes.size();
  part.how.mode = kModes[way % kModes.size()];
  // Changes with the byte and with the way: each byte meets both.
  part.how.paged_index = (way + first / 8) % 2 == 0;
  part.begin = first;
  part.stride = kStride;
  const std::string name = WayName(way);
  for (const auto& [kind, size] : kKinds) {
    if (const size_t listed = DamageList(database, kind).size();
        listed != size) {
      outcome.failures.push_back(
          absl::StrCat("--programme=damage --seeds=", seed, ": ", listed,
                       " damages of kind ", DamageKindName(kind),
                       " rather than ", size, ", so that seeds don't add up"));
      continue;
    }
    part.kind = kind;
    const SweepResult result = RunSweep(database, part, directory.path());
    outcome.counts[absl::StrCat(DamageKindName(kind), ", ", name)] +=
        result.answers.images + result.answers.unchanged;
    outcome.counts[absl::StrCat("of these unchanged, ", name)] +=
        result.answers.unchanged;
    outcome.counts[absl::StrCat("reads right, ", name)] += result.answers.right;
    outcome.counts[absl::StrCat("reads refused, ", name)] +=
        result.answers.errors;
    outcome.counts[absl::StrCat("opens refused, ", name)] +=
        result.answers.refused;
    for (const std::string& failure : result.failures) {
      outcome.failures.push_back(absl::StrCat(
          "--programme=damage --seeds=", seed, ": ", name, ": ", failure));
    }
  }
}

}  // namespace

torture::Programme DamageProgramme() {
  torture::Programme programme;
  programme.name = "damage";
  programme.description =
      "every bit, length and sector of a small closed database, damaged";
  for (uint64_t way = 0; way < kWays; ++way) {
    for (const auto& [kind, size] : kKinds) {
      programme.bars[absl::StrCat(DamageKindName(kind), ", ", WayName(way))] =
          size;
    }
  }
  programme.seed_count = kWays * kStride;
  programme.run = RunSeed;
  return programme;
}

}  // namespace quire::testing
