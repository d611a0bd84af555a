#include "tests/torture/programmes.h"

#include "tests/damage/damage_programme.h"
#include "tests/memory/memory_programme.h"
#include "tests/torture/media/media_programmes.h"

namespace quire::torture {
namespace {

std::vector<Programme> MakeProgrammes() {
  std::vector<Programme> programmes = MediaProgrammes();
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
