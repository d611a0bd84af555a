#include "io/cached_async_reader.h"

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "cache/epoch.h"
#include "cache/page_cache.h"
#include "io/aligned_buffer.h"
#include "io/async_file_reads.h"
#include "io/cached_file.h"
#include "io/page_slot.h"
#include "io/sealed_file.h"

namespace quire::io {
namespace {

constexpr uint64_t kPageBytes = CachedFile::kPageBytes;

struct Page;

// A request that waits for pages.
struct Waiting {
  ReadRequest* request = nullptr;
  CachePolicy policy = CachePolicy::kPoint;
  size_t missing = 0;  // pages that are still being read
  absl::InlinedVector<Page*, 2> pages;
  std::list<Waiting>::iterator place = {};
};

// A page that requests need.
struct Page {
  PageSlot slot;
  // Being read into: of the cache, but no page's yet.
  cache::FrameIndex free_frame = cache::kNoFrame;
  AlignedBuffer memory;  // being read into, where there was no frame
  size_t users = 0;
  absl::InlinedVector<Waiting*, 1> waiting;
};

// What one read brings: neighbouring pages, or a long extent.
struct Transfer : FileRead {
  absl::InlinedVector<Page*, 1> pages;
  absl::InlinedVector<iovec, 1> memory;
  ReadRequest* alone = nullptr;  // the long extent's
  AlignedBuffer alone_memory;
  std::list<Transfer>::iterator place = {};
};

class CachedAsyncReader final : public AsyncReader {
 public:
  CachedAsyncReader(const CachedReadContext& context, PageProvider& provider,
                    PinOwner& frame_pins, std::unique_ptr<ReadQueue> queue)
      : context_(context), provider_(provider), frame_pins_(frame_pins) {
    reads_.emplace(context.files, std::move(queue));
  }
  ~CachedAsyncReader() override;

  void Submit(std::span<ReadRequest* const> requests,
              CachePolicy policy) override;

  size_t Poll(size_t least, std::span<ReadRequest*> done) override {
    QUIRE_CHECK(!cache::EpochGuard::Active());
    while (!repeats_.empty()) {
      Waiting& waiting = *repeats_.back();
      repeats_.pop_back();
      Answer(waiting);
    }
    return reads_->Poll(least, done, [this](FileRead& read) {
      End(static_cast<Transfer&>(read));
    });
  }

 private:
  using PageKey = std::pair<const CachedFile*, uint64_t>;

  void Add(ReadRequest& request, CachePolicy policy);
  void AddPaged(ReadRequest& request, CachePolicy policy);
  void AddAlone(ReadRequest& request, CachePolicy policy);
  // The page, with one more user.
  Page& Use(const CachedFile& file, uint64_t page, CachePolicy policy);
  void LetGo(Page& page);
  // Where to read the page to. nullptr if there is no memory at all: the read
  // then fails, and who repeats it says why.
  std::byte* Room(Page& page, CachePolicy policy);
  // Starts reading pages that lie side by side.
  void StartRead(std::span<Page* const> pages, CachePolicy policy);
  void Start(Transfer& transfer, CachePolicy policy);

  void End(Transfer& transfer);
  void EndAlone(Transfer& transfer);
  // Makes the page of a read that succeeded the cache's, if it can be.
  void Publish(Page& page);
  void Arrived(Page& page);
  static bool HasFailed(const Waiting& waiting);
  // Blocks where a page has failed. The process ends if there is no memory:
  // requests and frames would be lost half way.
  void Answer(Waiting& waiting) noexcept;

  const CachedReadContext context_;
  PageProvider& provider_;
  PinOwner& frame_pins_;
  std::list<Waiting> waiting_;
  // Of these, those that met a page which had failed already: for Poll.
  std::vector<Waiting*> repeats_;
  std::list<Transfer> transfers_;
  // Not one of Abseil's: a table that ran out of memory in an insertion can't
  // even be destroyed.
  std::map<PageKey, std::unique_ptr<Page>> pages_;
  std::optional<AsyncFileReads> reads_;
};

CachedAsyncReader::~CachedAsyncReader() {
  // The kernel must have ended before the frames are given back.
  reads_.reset();
  for (const Waiting& waiting : waiting_) {
    for (Page* page : waiting.pages) LetGo(*page);
  }
}

void CachedAsyncReader::Submit(std::span<ReadRequest* const> requests,
                               CachePolicy policy) {
  QUIRE_CHECK(!cache::EpochGuard::Active());
  for (ReadRequest* request : requests) Add(*request, policy);
  reads_->Start();
}

void CachedAsyncReader::Add(ReadRequest& request, CachePolicy policy) {
  request.pin.Reset();
  request.status = CheckExtent(request.extent);
  if (!request.status.ok() || request.extent.length == 0) {
    context_.counters.AddExtents({&request, 1});
    reads_->Answer(request);
  } else if (request.extent.length > kMaxCachedBytes) {
    AddAlone(request, policy);
  } else {
    AddPaged(request, policy);
  }
}

void CachedAsyncReader::AddPaged(ReadRequest& request, CachePolicy policy) {
  const Extent& extent = request.extent;
  const CachedFile& file = CachedFile::From(*extent.file);
  Waiting& waiting = waiting_.emplace_back();
  waiting.request = &request;
  waiting.policy = policy;
  waiting.place = std::prev(waiting_.end());
  // So that the destructor lets go whatever was used, if memory runs out.
  waiting.pages.reserve(LastPage(extent) - FirstPage(extent) + 1);
  absl::InlinedVector<Page*, 2> run;  // new ones, side by side
  for (uint64_t number = FirstPage(extent); number <= LastPage(extent);
       ++number) {
    Page& page = Use(file, number, policy);
    waiting.pages.push_back(&page);
    const bool is_new =
        page.slot.state == PageSlot::State::kNeeded && page.waiting.empty();
    if (page.slot.state == PageSlot::State::kNeeded) {
      page.waiting.push_back(&waiting);
      ++waiting.missing;
    }
    if (is_new) {
      run.push_back(&page);
    } else if (!run.empty()) {
      StartRead(run, policy);
      run.clear();
    }
  }
  if (!run.empty()) StartRead(run, policy);
  if (waiting.missing > 0) return;
  if (HasFailed(waiting)) {
    repeats_.push_back(&waiting);  // Submit doesn't block
  } else {
    Answer(waiting);
  }
}

Page& CachedAsyncReader::Use(const CachedFile& file, uint64_t page,
                             CachePolicy policy) {
  std::unique_ptr<Page>& found = pages_[{&file, page}];
  if (found == nullptr) {
    found = std::make_unique<Page>();
    PageSlot& slot = found->slot;
    slot.file = &file;
    slot.page = page;
    slot.frame = FindAndHold(context_.cache, file.entry(page), policy);
    if (slot.frame != cache::kNoFrame) {
      slot.bytes = context_.cache.Data(slot.frame);
      slot.state = PageSlot::State::kHeld;
    }
  }
  ++found->users;
  return *found;
}

void CachedAsyncReader::LetGo(Page& page) {
  if (--page.users > 0) return;
  if (page.slot.state == PageSlot::State::kHeld) {
    context_.cache.Unhold(page.slot.frame);
  }
  if (page.free_frame != cache::kNoFrame) {
    context_.cache.GiveBack(page.free_frame);
  }
  pages_.erase({page.slot.file, page.slot.page});
}

std::byte* CachedAsyncReader::Room(Page& page, CachePolicy policy) {
  if (policy != CachePolicy::kReadOnce) {
    page.free_frame = context_.cache.TakeFree(
        page.slot.file->entry(page.slot.page), policy == CachePolicy::kPoint
                                                   ? cache::LoadFor::kPoint
                                                   : cache::LoadFor::kScan);
    if (page.free_frame != cache::kNoFrame) {
      return context_.cache.Data(page.free_frame);
    }
  }
  absl::StatusOr<AlignedBuffer> memory = AlignedBuffer::Create(kPageBytes);
  if (!memory.ok()) return nullptr;
  page.memory = *std::move(memory);
  return page.memory.data();
}

void CachedAsyncReader::StartRead(std::span<Page* const> pages,
                                  CachePolicy policy) {
  const CachedFile& file = *pages[0]->slot.file;
  const uint64_t unit = file.direct_alignment();
  Transfer& transfer = transfers_.emplace_back();
  transfer.place = std::prev(transfers_.end());
  transfer.table_file = &file.file();
  transfer.offset = pages[0]->slot.page * kPageBytes;
  transfer.wanted_offset = transfer.offset;
  for (Page* page : pages) {
    std::byte* const room = Room(*page, policy);
    page->slot.bytes = room;
    const uint64_t size = file.PageSize(page->slot.page);
    transfer.pages.push_back(page);
    transfer.memory.push_back({room, (size + unit - 1) / unit * unit});
    transfer.wanted_length += size;
  }
  Start(transfer, policy);
}

void CachedAsyncReader::AddAlone(ReadRequest& request, CachePolicy policy) {
  const Extent& extent = request.extent;
  const CachedFile& file = CachedFile::From(*extent.file);
  const uint64_t unit = file.direct_alignment();
  const uint64_t begin = extent.offset / unit * unit;
  const uint64_t end = (extent.offset + extent.length + unit - 1) / unit * unit;
  absl::StatusOr<AlignedBuffer> memory = AlignedBuffer::Create(end - begin);
  if (!memory.ok()) {
    request.status = memory.status();
    context_.counters.AddExtents({&request, 1});
    reads_->Answer(request);
    return;
  }
  Transfer& transfer = transfers_.emplace_back();
  transfer.place = std::prev(transfers_.end());
  transfer.alone = &request;
  transfer.alone_memory = *std::move(memory);
  transfer.memory.push_back({transfer.alone_memory.data(), end - begin});
  transfer.table_file = &file.file();
  transfer.offset = begin;
  transfer.wanted_offset = extent.offset;
  transfer.wanted_length = extent.length;
  Start(transfer, policy);
}

void CachedAsyncReader::Start(Transfer& transfer, CachePolicy policy) {
  transfer.drop_behind =
      context_.through_page_cache && policy == CachePolicy::kReadOnce;
  transfer.pieces = transfer.memory;
  uint64_t bytes = 0;
  for (const iovec& piece : transfer.memory) bytes += piece.iov_len;
  context_.counters.AddDeviceReads(1, bytes);
  reads_->Add(transfer);
}

void CachedAsyncReader::End(Transfer& transfer) {
  if (transfer.alone != nullptr) {
    EndAlone(transfer);
  } else {
    for (Page* page : transfer.pages) {
      if (transfer.status.ok()) {
        Publish(*page);
      } else {
        page->slot.state = PageSlot::State::kFailed;
      }
    }
    // A page stays until it has arrived: none of its requests is answered yet.
    for (Page* page : transfer.pages) Arrived(*page);
  }
  transfers_.erase(transfer.place);
}

void CachedAsyncReader::EndAlone(Transfer& transfer) {
  ReadRequest& request = *transfer.alone;
  request.status = std::move(transfer.status);
  if (request.status.ok()) {
    request.pin = std::move(transfer.alone_memory)
                      .IntoPin(request.extent.offset - transfer.offset,
                               request.extent.length);
  }
  context_.counters.AddExtents({&request, 1});
  reads_->Answer(request);
}

void CachedAsyncReader::Publish(Page& page) {
  PageSlot& slot = page.slot;
  slot.state = PageSlot::State::kPrivate;
  if (page.free_frame == cache::kNoFrame ||
      !context_.cache.Offer(slot.file->entry(slot.page), page.free_frame)) {
    return;
  }
  slot.frame = std::exchange(page.free_frame, cache::kNoFrame);
  slot.state = PageSlot::State::kHeld;
}

void CachedAsyncReader::Arrived(Page& page) {
  // Kept for the time of this: the answers let it go.
  ++page.users;
  for (Waiting* waiting : page.waiting) {
    if (--waiting->missing == 0) Answer(*waiting);
  }
  LetGo(page);
}

bool CachedAsyncReader::HasFailed(const Waiting& waiting) {
  return std::any_of(waiting.pages.begin(), waiting.pages.end(),
                     [](const Page* page) {
                       return page->slot.state == PageSlot::State::kFailed;
                     });
}

void CachedAsyncReader::Answer(Waiting& waiting) noexcept {
  ReadRequest& request = *waiting.request;
  if (HasFailed(waiting)) {
    provider_.Read({&request, 1}, waiting.policy);
  } else {
    absl::InlinedVector<PageSlot, 2> slots;
    for (const Page* page : waiting.pages) slots.push_back(page->slot);
    HandOut(context_.cache, frame_pins_, request, slots);
    context_.counters.AddExtents({&request, 1});
  }
  for (Page* page : waiting.pages) LetGo(*page);
  waiting_.erase(waiting.place);
  reads_->Answer(request);
}

}  // namespace

std::unique_ptr<AsyncReader> NewCachedAsyncReader(
    const CachedReadContext& context, PageProvider& provider,
    PinOwner& frame_pins, std::unique_ptr<ReadQueue> queue) {
  return std::make_unique<CachedAsyncReader>(context, provider, frame_pins,
                                             std::move(queue));
}

}  // namespace quire::io
