// What every page provider does with a sealed file: open it and check it, check
// the extents that are asked of it, and give bytes out in pins that own them.
// Shared, so that all providers give the same errors. All functions are
// thread-safe.

#ifndef QUIRE_IO_SEALED_FILE_H_
#define QUIRE_IO_SEALED_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/file_system.h"
#include "io/page_provider.h"

namespace quire::io {

// Opens the file at `path`, of which PageProvider::Attach says that it was
// sealed with `size_bytes`. NotFound if there is none, DataLoss if it is
// shorter.
absl::StatusOr<std::unique_ptr<ReadableFile>> OpenSealedFile(
    FileSystem& file_system, const std::string& path, uint64_t size_bytes,
    OpenMode mode);

// OK if the extent lies within its file, else OutOfRange.
absl::Status CheckExtent(const Extent& extent);

// Memory for a copy of the extent, not initialised; ResourceExhausted if there
// is none to be had. The extent must have passed CheckExtent.
absl::StatusOr<std::unique_ptr<std::byte[]>> AllocateCopy(const Extent& extent);

// Begins to answer a request from a copy: drops the pin that it holds, checks
// the extent and gives memory for its bytes. nullptr if there is nothing to
// read: the request has its final status then.
std::unique_ptr<std::byte[]> BeginCopy(ReadRequest& request);

// A pin that owns `bytes`, of which there are `size`. It depends on no
// provider.
Pin MakeOwnedPin(std::unique_ptr<std::byte[]> bytes, size_t size);

// Has the kernel read into its page cache what of the extent isn't there,
// without waiting for it. Does nothing for files without a descriptor, and for
// extents that are empty or not within their file.
void StartReadAhead(const ReadableFile& file, const Extent& extent);

// Asks the kernel to drop the pages of the extent from its page cache, and what
// lies with them in the same 2 MiB of the file; it keeps pages that are mapped
// or in use. Does nothing where StartReadAhead doesn't.
void DropReadAhead(const ReadableFile& file, const Extent& extent);

}  // namespace quire::io

#endif  // QUIRE_IO_SEALED_FILE_H_
