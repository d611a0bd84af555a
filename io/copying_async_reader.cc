#include "io/copying_async_reader.h"

#include <sys/uio.h>

#include <cstddef>
#include <list>
#include <span>
#include <utility>

#include "base/check.h"
#include "cache/epoch.h"
#include "io/async_file_reads.h"
#include "io/sealed_file.h"

namespace quire::io {
namespace {

struct CopyRead : FileRead {
  ReadRequest* request = nullptr;
  CachePolicy policy = CachePolicy::kPoint;
  std::unique_ptr<std::byte[]> bytes;
  iovec piece = {};
  std::list<CopyRead>::iterator place = {};
};

class CopyingAsyncReader final : public AsyncReader {
 public:
  CopyingAsyncReader(CopyingReadContext context,
                     std::unique_ptr<ReadQueue> queue)
      : context_(std::move(context)),
        reads_(context_.files, std::move(queue)) {}

  void Submit(std::span<ReadRequest* const> requests,
              CachePolicy policy) override;

  size_t Poll(size_t least, std::span<ReadRequest*> done) override {
    QUIRE_CHECK(!cache::EpochGuard::Active());
    return reads_.Poll(least, done, [this](FileRead& read) {
      End(static_cast<CopyRead&>(read));
    });
  }

 private:
  void Add(ReadRequest& request, CachePolicy policy);
  void End(CopyRead& read);

  const CopyingReadContext context_;
  std::list<CopyRead> unfinished_;
  // Destroyed first: it waits for what is in flight.
  AsyncFileReads reads_;
};

void CopyingAsyncReader::Submit(std::span<ReadRequest* const> requests,
                                CachePolicy policy) {
  QUIRE_CHECK(!cache::EpochGuard::Active());
  for (ReadRequest* request : requests) Add(*request, policy);
  reads_.Start();
}

void CopyingAsyncReader::Add(ReadRequest& request, CachePolicy policy) {
  std::unique_ptr<std::byte[]> bytes = BeginCopy(request);
  if (bytes == nullptr) {
    context_.counters.AddExtents({&request, 1});
    reads_.Answer(request);
    return;
  }
  const Extent& extent = request.extent;
  CopyRead& read = unfinished_.emplace_back();
  read.place = std::prev(unfinished_.end());
  read.request = &request;
  read.policy = policy;
  read.piece = {bytes.get(), extent.length};
  read.bytes = std::move(bytes);
  read.table_file = &context_.file_of(*extent.file);
  read.drop_behind = policy == CachePolicy::kReadOnce;
  read.offset = extent.offset;
  read.pieces = {&read.piece, 1};
  read.wanted_offset = extent.offset;
  read.wanted_length = extent.length;
  context_.counters.AddDeviceReads(1, extent.length);
  reads_.Add(read);
}

void CopyingAsyncReader::End(CopyRead& read) {
  ReadRequest& request = *read.request;
  if (read.status.ok()) {
    request.pin = MakeOwnedPin(std::move(read.bytes), request.extent.length);
    context_.counters.AddExtents({&request, 1});
  } else {
    context_.provider.Read({&request, 1}, read.policy);
  }
  unfinished_.erase(read.place);
  reads_.Answer(request);
}

}  // namespace

std::unique_ptr<AsyncReader> NewCopyingAsyncReader(
    CopyingReadContext context, std::unique_ptr<ReadQueue> queue) {
  return std::make_unique<CopyingAsyncReader>(std::move(context),
                                              std::move(queue));
}

}  // namespace quire::io
