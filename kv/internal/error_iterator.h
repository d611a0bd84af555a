// The iterator of a database that can't be iterated.
#ifndef QUIRE_KV_INTERNAL_ERROR_ITERATOR_H_
#define QUIRE_KV_INTERNAL_ERROR_ITERATOR_H_

#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/iterator.h"

namespace quire::kv_internal {

// Never valid; tells why.
class ErrorIterator final : public Iterator {
 public:
  explicit ErrorIterator(absl::Status status) : status_(std::move(status)) {}

  bool Valid() const override { return false; }
  void SeekToFirst() override {}
  void SeekToLast() override {}
  void Seek(std::string_view) override {}
  void SeekForPrev(std::string_view) override {}
  void Next() override {}
  void Prev() override {}
  std::string_view key() const override { return {}; }
  absl::StatusOr<std::string_view> value() override { return status_; }
  absl::Status status() const override { return status_; }

 private:
  const absl::Status status_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_ERROR_ITERATOR_H_
