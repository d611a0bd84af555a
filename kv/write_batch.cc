#include "kv/write_batch.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace quire {
namespace {

// What stands in front of each key in rep_.
struct OperationHeader {
  uint64_t value_size;
  uint32_t key_size;
  WriteBatch::Operation operation;
};

}  // namespace

void WriteBatch::Put(std::string_view key, std::string_view value) {
  Add(Operation::kPut, key, value);
}

void WriteBatch::Delete(std::string_view key) {
  Add(Operation::kDelete, key, {});
}

void WriteBatch::Clear() {
  rep_.clear();
  count_ = 0;
  largest_key_ = 0;
  largest_value_ = 0;
}

void WriteBatch::Append(const WriteBatch& other) {
  largest_key_ = std::max(largest_key_, other.largest_key_);
  largest_value_ = std::max(largest_value_, other.largest_value_);
  count_ += other.count_;
  rep_.append(other.rep_);
}

void WriteBatch::ForEach(
    absl::FunctionRef<void(Operation, std::string_view, std::string_view)>
        visit) const {
  std::string_view rest = rep_;
  while (!rest.empty()) {
    OperationHeader header;
    std::memcpy(&header, rest.data(), sizeof(header));
    rest.remove_prefix(sizeof(header));
    const std::string_view key = rest.substr(0, header.key_size);
    const std::string_view value =
        rest.substr(header.key_size, header.value_size);
    rest.remove_prefix(key.size() + value.size());
    visit(header.operation, key, value);
  }
}

void WriteBatch::Add(Operation operation, std::string_view key,
                     std::string_view value) {
  // Beyond any limit of the format: the check against the limits, at the write,
  // needs the true size only up to here.
  QUIRE_CHECK(key.size() <= UINT32_MAX);
  OperationHeader header = {};
  header.value_size = value.size();
  header.key_size = static_cast<uint32_t>(key.size());
  header.operation = operation;
  rep_.append(reinterpret_cast<const char*>(&header), sizeof(header));
  rep_.append(key);
  rep_.append(value);
  ++count_;
  largest_key_ = std::max(largest_key_, key.size());
  largest_value_ = std::max(largest_value_, value.size());
}

}  // namespace quire
