// A cursor over nothing.
#ifndef QUIRE_KV_INTERNAL_EMPTY_CURSOR_H_
#define QUIRE_KV_INTERNAL_EMPTY_CURSOR_H_

#include <memory>

#include "absl/status/status.h"
#include "kv/internal/entry_cursor.h"

namespace quire::kv_internal {

// Never valid; `status` says why.
std::unique_ptr<EntryCursor> NewEmptyCursor(absl::Status status);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_EMPTY_CURSOR_H_
