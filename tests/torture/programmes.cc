#include "tests/torture/programmes.h"

#include <utility>

#include "tests/damage/damage_programme.h"
#include "tests/memory/memory_programme.h"
#include "tests/torture/crash_programmes.h"
#include "tests/torture/fault_programmes.h"
#include "tests/torture/media/media_programmes.h"
#include "tests/torture/planted_programme.h"

namespace quire::torture {
namespace {

std::vector<Programme> MakeProgrammes() {
  std::vector<Programme> programmes = {CrashSequences(),  CrashLives(),
                                       CrashRecoveries(), RottenLogs(),
                                       NthOperations(),   PlantedBugsAreSeen()};
  for (Programme& programme : MediaProgrammes()) {
    programmes.push_back(std::move(programme));
  }
  programmes.push_back(testing::DamageProgramme());
  programmes.push_back(testing::MemoryProgramme());
  return programmes;
}

}  // namespace

const std::vector<Programme>& Programmes() {
  static const auto* const programmes =
      new std::vector<Programme>(MakeProgrammes());
  return *programmes;
}

}  // namespace quire::torture
