#include "tests/torture/programmes.h"

#include "tests/torture/media/media_programmes.h"

namespace quire::torture {

const std::vector<Programme>& Programmes() {
  static const auto* const programmes =
      new std::vector<Programme>(MediaProgrammes());
  return *programmes;
}

}  // namespace quire::torture
