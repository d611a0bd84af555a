#include "io/page_loader.h"

#include <algorithm>
#include <new>
#include <tuple>
#include <utility>

#include "absl/status/statusor.h"

namespace quire::io {
namespace {

// Pages in one request at most: 1 MiB, and well within IOV_MAX.
constexpr size_t kMaxRequestPages = 256;

uint64_t RoundUp(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

void SubmitReads(const CachedReadContext& context,
                 std::span<IoRequest> requests) {
  if (requests.empty()) return;
  context.engine.ReadBatch(requests);
  uint64_t bytes = 0;
  for (const IoRequest& request : requests) {
    for (const iovec& piece : request.pieces) bytes += piece.iov_len;
  }
  context.counters.AddDeviceReads(requests.size(), bytes);
}

void PageLoader::Load(std::span<PageSlot> slots, std::span<IoRequest> along) {
  try {
    LoadRounds(slots, along);
  } catch (const std::bad_alloc&) {
    AbandonClaims();
    throw;
  }
}

void PageLoader::AbandonClaims() noexcept {
  const absl::Status no_memory = absl::ResourceExhaustedError("");
  for (PageRead& read : reads_) {
    if (read.load.entry != nullptr) Fail(read, no_memory);
  }
}

void PageLoader::ReserveRead() {
  if (reads_.size() == reads_.capacity()) {
    reads_.reserve(std::max<size_t>(2 * reads_.size(), 8));
  }
}

void PageLoader::LoadRounds(std::span<PageSlot> slots,
                            std::span<IoRequest> along) {
  bool needed = !slots.empty();
  while (needed || !along.empty()) {
    for (size_t begin = 0, end; begin < slots.size(); begin = end) {
      const auto same_piece = [&](const PageSlot& slot) {
        return slot.file == slots[begin].file &&
               slot.page / context_.piece_pages ==
                   slots[begin].page / context_.piece_pages;
      };
      end = begin + 1;
      while (end < slots.size() && same_piece(slots[end])) ++end;
      TakePiece(slots.subspan(begin, end - begin));
    }
    ReadRound(std::exchange(along, {}));
    for (PageSlot* slot : waits_) {
      absl::Status status = context_.cache.Wait(slot->file->entry(slot->page));
      if (status.ok()) continue;  // still needed: look again
      slot->state = PageSlot::State::kFailedShared;
      slot->status = std::move(status);
    }
    needed = !waits_.empty();
    waits_.clear();
  }
}

void PageLoader::TakePiece(std::span<PageSlot> slots) {
  const size_t reads_before = reads_.size();
  for (PageSlot& slot : slots) {
    if (slot.state == PageSlot::State::kNeeded) TakeSlot(slot);
  }
  if (context_.piece_pages > 1 && reads_.size() > reads_before &&
      reads_.back().load.entry != nullptr) {
    ClaimRestOfPiece(*slots[0].file, slots[0].page);
  }
}

void PageLoader::TakeSlot(PageSlot& slot) {
  cache::PageCache& cache = context_.cache;
  cache::PageEntry& entry = slot.file->entry(slot.page);
  while (true) {
    slot.frame = FindAndHold(cache, entry, policy_);
    if (slot.frame != cache::kNoFrame) {
      slot.bytes = cache.Data(slot.frame);
      slot.state = PageSlot::State::kHeld;
      return;
    }
    ReserveRead();
    cache::PageLoad load;
    cache::ClaimResult result;
    if (policy_ != CachePolicy::kReadOnce) {
      result =
          cache.Claim(entry,
                      policy_ == CachePolicy::kPoint ? cache::LoadFor::kPoint
                                                     : cache::LoadFor::kScan,
                      &load);
    } else {
      result = cache.Loading(entry) ? cache::ClaimResult::kLoading
                                    : cache::ClaimResult::kNoFrame;
    }
    switch (result) {
      case cache::ClaimResult::kResident:
        continue;
      case cache::ClaimResult::kLoading:
        waits_.push_back(&slot);
        return;
      case cache::ClaimResult::kNoFrame:
        reads_.push_back({slot.file, slot.page, &slot, load, nullptr});
        return;
      case cache::ClaimResult::kClaimed:
        reads_.push_back(
            {slot.file, slot.page, &slot, load, cache.Data(load.frame)});
        return;
    }
  }
}

void PageLoader::ClaimRestOfPiece(const CachedFile& file, uint64_t page) {
  const uint64_t begin = page / context_.piece_pages * context_.piece_pages;
  const uint64_t end =
      std::min(begin + context_.piece_pages, file.pages().page_count());
  for (page = begin; page < end; ++page) {
    // What the batch needs of the piece is claimed, or somebody else's.
    ReserveRead();
    cache::PageLoad load;
    const cache::ClaimResult result =
        context_.cache.Claim(file.entry(page), cache::LoadFor::kScan, &load);
    if (result == cache::ClaimResult::kNoFrame) return;
    if (result != cache::ClaimResult::kClaimed) continue;
    reads_.push_back(
        {&file, page, nullptr, load, context_.cache.Data(load.frame)});
  }
}

void PageLoader::ReadRound(std::span<IoRequest> along) {
  std::sort(reads_.begin(), reads_.end(),
            [](const PageRead& a, const PageRead& b) {
              return std::tie(a.file, a.page) < std::tie(b.file, b.page);
            });
  GiveMemoryToPrivateReads();
  pieces_.clear();
  pieces_.reserve(reads_.size());
  requests_.clear();
  std::vector<std::span<PageRead>> runs;
  for (size_t begin = 0, end; begin < reads_.size(); begin = end) {
    const PageRead& first = reads_[begin];
    end = begin + 1;
    while (end < reads_.size() && end - begin < kMaxRequestPages &&
           reads_[end].file == first.file &&
           reads_[end].page == first.page + (end - begin)) {
      ++end;
    }
    runs.push_back(std::span(reads_).subspan(begin, end - begin));
    AddRequest(runs.back());
  }
  requests_.insert(requests_.end(), along.begin(), along.end());
  SubmitReads(context_, requests_);
  for (size_t i = 0; i < along.size(); ++i) {
    along[i].status = std::move(requests_[runs.size() + i].status);
  }
  std::vector<PageRead> again;
  for (size_t i = 0; i < runs.size(); ++i) {
    const absl::Status& status = requests_[i].status;
    for (PageRead& read : runs[i]) {
      if (status.ok()) {
        Succeed(read);
      } else if (runs[i].size() == 1) {
        Fail(read, status);
      } else {
        again.push_back(read);
      }
    }
  }
  reads_ = std::move(again);
  ReadPageByPage(reads_);
  reads_.clear();
}

void PageLoader::ReadPageByPage(std::span<PageRead> reads) {
  pieces_.clear();
  pieces_.reserve(reads.size());
  requests_.clear();
  for (const PageRead& read : reads) AddRequest({&read, 1});
  SubmitReads(context_, requests_);
  for (size_t i = 0; i < reads.size(); ++i) {
    if (requests_[i].status.ok()) {
      Succeed(reads[i]);
    } else {
      Fail(reads[i], requests_[i].status);
    }
  }
}

void PageLoader::GiveMemoryToPrivateReads() {
  const auto is_private = [](const PageRead& read) {
    return read.load.entry == nullptr;
  };
  const auto count = static_cast<size_t>(
      std::count_if(reads_.begin(), reads_.end(), is_private));
  if (count == 0) return;
  absl::StatusOr<AlignedBuffer> memory =
      AlignedBuffer::Create(count * CachedFile::kPageBytes);
  if (!memory.ok()) {
    for (PageRead& read : reads_) {
      if (is_private(read)) Fail(read, memory.status());
    }
    std::erase_if(reads_, is_private);
    return;
  }
  std::byte* bytes = memory->data();
  for (PageRead& read : reads_) {
    if (is_private(read)) {
      read.bytes = std::exchange(bytes, bytes + CachedFile::kPageBytes);
    }
  }
  private_memory_.push_back(*std::move(memory));
}

void PageLoader::AddRequest(std::span<const PageRead> reads) {
  const CachedFile& file = *reads[0].file;
  const size_t first_piece = pieces_.size();
  uint64_t wanted = 0;
  for (const PageRead& read : reads) {
    wanted += file.PageSize(read.page);
    // O_DIRECT takes whole units only, also of a file's last page.
    const uint64_t size =
        RoundUp(file.PageSize(read.page), file.direct_alignment());
    if (pieces_.size() > first_piece &&
        static_cast<std::byte*>(pieces_.back().iov_base) +
                pieces_.back().iov_len ==
            read.bytes) {
      pieces_.back().iov_len += size;
    } else {
      pieces_.push_back({read.bytes, size});
    }
  }
  const uint64_t offset = reads[0].page * CachedFile::kPageBytes;
  const ReadSource source = files_.Find(file.file());
  requests_.push_back({.file = source.file,
                       .registered_file = source.registered_file,
                       .drop_behind = context_.through_page_cache &&
                                      policy_ == CachePolicy::kReadOnce,
                       .offset = offset,
                       .pieces = std::span(pieces_).subspan(first_piece),
                       .wanted_offset = offset,
                       .wanted_length = wanted});
}

void PageLoader::Succeed(PageRead& read) {
  const bool in_cache = read.load.entry != nullptr;
  if (in_cache) context_.cache.Publish(read.load);
  read.load.entry = nullptr;  // done
  if (read.slot == nullptr) {
    context_.cache.Unhold(read.load.frame);
    return;
  }
  read.slot->state =
      in_cache ? PageSlot::State::kHeld : PageSlot::State::kPrivate;
  read.slot->frame = read.load.frame;
  read.slot->bytes = read.bytes;
}

void PageLoader::Fail(PageRead& read, const absl::Status& status) {
  const cache::PageLoad load = read.load;
  read.load.entry = nullptr;  // done, whatever comes
  if (load.entry != nullptr) context_.cache.Abandon(load, status);
  if (read.slot == nullptr) return;
  read.slot->state = PageSlot::State::kFailed;
  read.slot->status = status;
}

}  // namespace quire::io
