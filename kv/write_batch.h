// A list of puts and deletes that takes effect as one.
#ifndef QUIRE_KV_WRITE_BATCH_H_
#define QUIRE_KV_WRITE_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace quire {

// Operations are applied in the order of the calls; a later one on a key wins.
// Keys and values are copied. Reusable after Clear, which keeps the memory. Not
// thread-safe; const calls may run together.
class WriteBatch {
 public:
  enum class Operation : uint8_t { kPut, kDelete };

  void Put(std::string_view key, std::string_view value);
  void Delete(std::string_view key);
  void Clear();

  // Appends the operations of `other`.
  void Append(const WriteBatch& other);

  // Number of operations.
  size_t Count() const { return count_; }
  bool Empty() const { return count_ == 0; }

  // Bytes that the batch holds: keys, values and a few bytes for each
  // operation.
  size_t ByteSize() const { return rep_.size(); }

  // Calls `visit` for each operation in order; `value` is empty for a delete.
  // The views die with the next change.
  void ForEach(absl::FunctionRef<void(Operation, std::string_view key,
                                      std::string_view value)>
                   visit) const;

  // The largest key and value held, in bytes; for checking limits before
  // anything is written.
  size_t LargestKey() const { return largest_key_; }
  size_t LargestValue() const { return largest_value_; }

 private:
  void Add(Operation operation, std::string_view key, std::string_view value);

  // Operations back to back: {u8 operation, u32 key size, u64 value size, key,
  // value}, native byte order; memory only.
  std::string rep_;
  size_t count_ = 0;
  size_t largest_key_ = 0;
  size_t largest_value_ = 0;
};

}  // namespace quire

#endif  // QUIRE_KV_WRITE_BATCH_H_
