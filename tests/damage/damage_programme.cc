#include "tests/damage/damage_programme.h"

#include <array>
#include <cstdint>
#include <filesystem>
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
constexpr uint64_t kStride = 256;

constexpr std::array<DamageKind, 7> kKinds = {
    DamageKind::kFlip, DamageKind::kTruncate,  DamageKind::kExtend,
    DamageKind::kZero, DamageKind::kDuplicate, DamageKind::kSwap,
    DamageKind::kStale};

void RunSeed(uint64_t seed, torture::Outcome& outcome) {
  const uint64_t way = seed % kWays;
  const uint64_t first = seed / kWays;
  const MemoryDirectory directory;
  const SmallDatabase database = MakeSmallDatabase(directory.path());
  SweepPart part;
  part.how.for_writing = way == kModes.size();
  part.how.mode = kModes[way % kModes.size()];
  // Bits of all kinds meet both: 256 is even, and so is the way's period.
  part.how.paged_index = first / 8 % 2 == 0;
  part.begin = first;
  part.stride = kStride;
  const std::string name =
      part.how.for_writing ? "writing" : io::ReadModeName(part.how.mode);
  for (const DamageKind kind : kKinds) {
    part.kind = kind;
    const SweepResult result = RunSweep(database, part, directory.path());
    outcome.counts[absl::StrCat(DamageKindName(kind), ", ", name)] +=
        result.answers.images + result.deaths;
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
  for (const ReadMode mode : kModes) {
    const std::string name = io::ReadModeName(mode);
    programme.bars[absl::StrCat("flip, ", name)] = uint64_t{8} << 16;
    programme.bars[absl::StrCat("truncate, ", name)] = uint64_t{1} << 16;
  }
  programme.seed_count = kWays * kStride;
  programme.run = RunSeed;
  return programme;
}

}  // namespace quire::testing
