#include "kv/internal/empty_cursor.h"

#include <string_view>
#include <utility>

namespace quire::kv_internal {
namespace {

class EmptyCursor final : public EntryCursor {
 public:
  explicit EmptyCursor(absl::Status status) : status_(std::move(status)) {}

  void SeekToFirst() override {}
  void SeekToLast() override {}
  void Seek(std::string_view) override {}
  void SeekForPrev(std::string_view) override {}
  absl::Status status() const override { return status_; }

 private:
  // Only valid cursors move.
  void NextWindow() override {}
  void PrevWindow() override {}

  const absl::Status status_;
};

}  // namespace

std::unique_ptr<EntryCursor> NewEmptyCursor(absl::Status status) {
  return std::make_unique<EmptyCursor>(std::move(status));
}

}  // namespace quire::kv_internal
