#include "tests/torture/media/disk_fault.h"

#include <cstring>

#include "base/check.h"

namespace quire::torture {
namespace {

bool Matches(const DiskFault& fault, DiskOp op, std::string_view path,
             uint64_t offset, uint64_t length) {
  if (fault.op != DiskOp::kAny && fault.op != op) return false;
  const std::string_view text = fault.path_contains.data();
  if (fault.at_end ? !path.ends_with(text)
                   : path.find(text) == std::string_view::npos) {
    return false;
  }
  return offset < fault.end &&
         (length > fault.begin || offset + length > fault.begin);
}

}  // namespace

void DiskFault::set_path_contains(std::string_view text) {
  QUIRE_CHECK(text.size() < path_contains.size());
  path_contains = {};
  std::memcpy(path_contains.data(), text.data(), text.size());
}

std::optional<DiskFault> DiskFaults::Begin(DiskOp op, std::string_view path,
                                           uint64_t offset, uint64_t length) {
  std::optional<DiskFault> met;
  for (Armed& armed : armed_) {
    if (!Matches(armed.fault, op, path, offset, length)) continue;
    ++armed.seen;
    const DiskFault& fault = armed.fault;
    if (!met.has_value() && armed.seen >= fault.nth &&
        armed.seen - fault.nth < fault.count) {
      met = fault;
    }
  }
  if (met.has_value()) ++injected_;
  return met;
}

}  // namespace quire::torture
