// Writing a file from its beginning to its end in large pieces.
#ifndef QUIRE_KV_INTERNAL_SEQUENTIAL_WRITER_H_
#define QUIRE_KV_INTERNAL_SEQUENTIAL_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "io/file_system.h"
#include "kv/internal/checksum.h"

namespace quire::kv_internal {

// Gathers what is appended and writes it in pieces of kPieceBytes at multiples
// of kPieceBytes: written so, ext4 keeps the file in pages of 2 MiB, and a
// mapping of it costs fewer TLB misses. The device begins with each piece at
// once: one sync of all of them would hold up other syncs, which wait behind
// it. Not thread-safe. After an error the file is unusable.
class SequentialWriter {
 public:
  static constexpr uint64_t kPieceBytes = uint64_t{2} << 20;

  explicit SequentialWriter(std::unique_ptr<io::WritableFile> file);
  SequentialWriter(const SequentialWriter&) = delete;
  SequentialWriter& operator=(const SequentialWriter&) = delete;

  absl::Status Append(std::span<const std::byte> bytes);

  // Writes what has been gathered, so that the file has all that was appended.
  // Not durable; what is gathered is written once more with its whole piece.
  absl::Status WriteGathered();

  // Makes all that was appended durable. What is gathered is written once more,
  // unchanged, with its whole piece.
  absl::Status Sync();

  // Bytes appended so far: where the next ones will stand in the file.
  uint64_t offset() const { return offset_; }

  // XXH3-64 of all bytes appended so far.
  uint64_t digest() const { return digest_.value(); }

  // Writes what is left, syncs and closes.
  absl::Status Finish();

 private:
  // Writes a whole piece.
  absl::Status WritePiece(std::span<const std::byte> piece, uint64_t offset);

  const std::unique_ptr<io::WritableFile> file_;
  const std::unique_ptr<std::byte[]> piece_;
  uint64_t piece_size_ = 0;  // bytes gathered in piece_
  uint64_t offset_ = 0;
  FileDigest digest_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_SEQUENTIAL_WRITER_H_
