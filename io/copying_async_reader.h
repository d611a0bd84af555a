// Reads in flight for providers without pages of their own.

#ifndef QUIRE_IO_COPYING_ASYNC_READER_H_
#define QUIRE_IO_COPYING_ASYNC_READER_H_

#include <functional>
#include <memory>

#include "io/async_reader.h"
#include "io/file_table.h"
#include "io/page_provider.h"
#include "io/provider_counters.h"
#include "io/read_engine.h"

namespace quire::io {

// What a reader needs of its provider. The references outlive it.
struct CopyingReadContext {
  PageProvider& provider;
  ProviderCounters& counters;
  FileTable& files;
  // Where to read an attached file.
  std::function<const TableFile&(const AttachedFile&)> file_of;
};

// Reads each extent by itself, straight into a copy that its pin owns. What
// fails is repeated by the provider's Read, so that errors are the same; Poll
// blocks for it. `queue` isn't nullptr.
std::unique_ptr<AsyncReader> NewCopyingAsyncReader(
    CopyingReadContext context, std::unique_ptr<ReadQueue> queue);

}  // namespace quire::io

#endif  // QUIRE_IO_COPYING_ASYNC_READER_H_
