#include "tests/torture/programmes.h"

namespace quire::torture {

const std::vector<Programme>& Programmes() {
  static const auto* const programmes = new std::vector<Programme>{};
  return *programmes;
}

}  // namespace quire::torture
