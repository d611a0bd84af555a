#include "kv/internal/empty_cursor.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace quire::kv_internal {
namespace {

class EmptyCursor final : public EntryCursor {
 public:
  explicit EmptyCursor(absl::Status status) : status_(std::move(status)) {}

  bool Valid() const override { return false; }
  void SeekToFirst() override {}
  void SeekToLast() override {}
  void Seek(std::string_view) override {}
  void SeekForPrev(std::string_view) override {}
  absl::Status status() const override { return status_; }

  // All of these require Valid().
  void Next() override { QUIRE_CHECK(Valid()); }
  void Prev() override { QUIRE_CHECK(Valid()); }
  std::string_view key() const override {
    QUIRE_CHECK(Valid());
    return {};
  }
  uint64_t sequence() const override {
    QUIRE_CHECK(Valid());
    return 0;
  }
  bool tombstone() const override {
    QUIRE_CHECK(Valid());
    return false;
  }
  EntryPlace place() const override {
    QUIRE_CHECK(Valid());
    return {};
  }

 private:
  const absl::Status status_;
};

}  // namespace

std::unique_ptr<EntryCursor> NewEmptyCursor(absl::Status status) {
  return std::make_unique<EmptyCursor>(std::move(status));
}

}  // namespace quire::kv_internal
