// Ordered iteration over a consistent state of the database.
#ifndef QUIRE_KV_ITERATOR_H_
#define QUIRE_KV_ITERATOR_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace quire {

// Keys are ordered as unsigned bytes. An iterator sees the state at its
// creation (or of its snapshot) whatever is written later, and keeps the memory
// and files of that state alive until it is destroyed, which must be before
// Close. Starts invalid: seek first. Not thread-safe; different iterators may
// be used on different threads.
class Iterator {
 public:
  virtual ~Iterator() = default;
  Iterator() = default;
  Iterator(const Iterator&) = delete;
  Iterator& operator=(const Iterator&) = delete;

  // True while positioned on an entry. False past either end, and after an
  // error: look at status().
  virtual bool Valid() const = 0;

  // First and last entry within the bounds.
  virtual void SeekToFirst() = 0;
  virtual void SeekToLast() = 0;

  // First entry with a key >= `target`.
  virtual void Seek(std::string_view target) = 0;

  // Last entry with a key <= `target`.
  virtual void SeekForPrev(std::string_view target) = 0;

  // REQUIRES: Valid().
  virtual void Next() = 0;
  virtual void Prev() = 0;

  // The current key; the view dies with the next move. REQUIRES: Valid().
  virtual std::string_view key() const = 0;

  // The current value; the view dies with the next move. An unreadable value is
  // an error here (DataLoss or Unavailable, naming file and offset) and does
  // not end the iteration: Next still works. FailedPrecondition under
  // keys_only. REQUIRES: Valid().
  virtual absl::StatusOr<std::string_view> value() = 0;

  // OK, or why the iteration ended early (an unreadable index block).
  virtual absl::Status status() const = 0;
};

}  // namespace quire

#endif  // QUIRE_KV_ITERATOR_H_
