#include "kv/internal/sequential_writer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "io/file_system.h"

namespace quire::kv_internal {

SequentialWriter::SequentialWriter(std::unique_ptr<io::WritableFile> file)
    : file_(std::move(file)),
      // Not value-initialised: a small file touches only what it needs.
      piece_(new std::byte[kPieceBytes]) {}

absl::Status SequentialWriter::Append(std::span<const std::byte> bytes) {
  digest_.Update(bytes);
  while (!bytes.empty()) {
    size_t size = 0;
    if (piece_size_ == 0 && bytes.size() >= kPieceBytes) {
      // A whole piece at its place: written from where it lies.
      size = kPieceBytes;
      QUIRE_RETURN_IF_ERROR(WritePiece(bytes.first(size), offset_));
    } else {
      size = std::min<uint64_t>(bytes.size(), kPieceBytes - piece_size_);
      std::memcpy(piece_.get() + piece_size_, bytes.data(), size);
      piece_size_ += size;
      if (piece_size_ == kPieceBytes) {
        QUIRE_RETURN_IF_ERROR(WritePiece({piece_.get(), kPieceBytes},
                                         offset_ + size - kPieceBytes));
        piece_size_ = 0;
      }
    }
    offset_ += size;
    bytes = bytes.subspan(size);
  }
  return absl::OkStatus();
}

absl::Status SequentialWriter::WritePiece(std::span<const std::byte> piece,
                                          uint64_t offset) {
  QUIRE_RETURN_IF_ERROR(file_->WriteAt(offset, piece));
  file_->StartWriteback(offset, piece.size());
  return absl::OkStatus();
}

absl::Status SequentialWriter::WriteGathered() {
  if (piece_size_ == 0) return absl::OkStatus();
  return file_->WriteAt(offset_ - piece_size_, {piece_.get(), piece_size_});
}

absl::Status SequentialWriter::Sync() {
  QUIRE_RETURN_IF_ERROR(WriteGathered());
  return file_->Sync();
}

absl::Status SequentialWriter::Finish() {
  QUIRE_RETURN_IF_ERROR(Sync());
  piece_size_ = 0;
  return file_->Close();
}

}  // namespace quire::kv_internal
