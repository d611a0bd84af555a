#include "io/cached_read.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "cache/epoch.h"
#include "io/sealed_file.h"

namespace quire::io {
namespace {

bool ComesBefore(const PageSlot& a, const PageSlot& b) {
  return std::tie(a.file, a.page) < std::tie(b.file, b.page);
}

}  // namespace

CachedRead::CachedRead(const CachedReadContext& context, PinOwner& frame_pins,
                       std::span<ReadRequest> requests, CachePolicy policy)
    : context_(context),
      frame_pins_(frame_pins),
      requests_(requests),
      policy_(policy),
      files_(context.files),
      loader_(context, files_, policy) {}

CachedRead::~CachedRead() {
  for (const PageSlot& slot : slots_) {
    if (slot.state == PageSlot::State::kHeld) context_.cache.Unhold(slot.frame);
  }
}

void CachedRead::Run() {
  QUIRE_CHECK(!cache::EpochGuard::Active());
  for (ReadRequest& request : requests_) {
    request.pin.Reset();
    request.status = CheckExtent(request.extent);
    if (!request.status.ok() || request.extent.length == 0) continue;
    if (request.extent.length > kMaxCachedBytes) {
      AddAlone(request);
    } else if (!ServeResident(request)) {
      paged_.push_back(&request);
    }
  }
  CollectSlots();
  std::vector<IoRequest> along = AloneRequests();
  loader_.Load(slots_, along);
  FinishAlone(along);
  for (ReadRequest* request : paged_) {
    if (!Answer(*request, SlotsOf(request->extent))) AddAlone(*request);
  }
  std::vector<IoRequest> again = AloneRequests();
  SubmitReads(context_, again);
  FinishAlone(again);
}

bool CachedRead::ServeResident(ReadRequest& request) {
  const Extent& extent = request.extent;
  if (FirstPage(extent) != LastPage(extent)) return false;
  PageSlot slot;
  slot.file = &CachedFile::From(*extent.file);
  slot.page = FirstPage(extent);
  slot.frame =
      FindAndHold(context_.cache, slot.file->entry(slot.page), policy_);
  if (slot.frame == cache::kNoFrame) return false;
  slot.state = PageSlot::State::kHeld;
  slot.bytes = context_.cache.Data(slot.frame);
  const absl::Cleanup unhold = [&] { context_.cache.Unhold(slot.frame); };
  HandOut(context_.cache, frame_pins_, request, {&slot, 1});
  return true;
}

void CachedRead::CollectSlots() {
  for (const ReadRequest* request : paged_) {
    const Extent& extent = request->extent;
    for (uint64_t page = FirstPage(extent); page <= LastPage(extent); ++page) {
      slots_.push_back({.file = &CachedFile::From(*extent.file), .page = page});
    }
  }
  std::sort(slots_.begin(), slots_.end(), ComesBefore);
  slots_.erase(std::unique(slots_.begin(), slots_.end(),
                           [](const PageSlot& a, const PageSlot& b) {
                             return a.file == b.file && a.page == b.page;
                           }),
               slots_.end());
}

std::span<const PageSlot> CachedRead::SlotsOf(const Extent& extent) const {
  PageSlot first;
  first.file = &CachedFile::From(*extent.file);
  first.page = FirstPage(extent);
  const auto it =
      std::lower_bound(slots_.begin(), slots_.end(), first, ComesBefore);
  return std::span(slots_).subspan(
      static_cast<size_t>(it - slots_.begin()),
      static_cast<size_t>(LastPage(extent) - FirstPage(extent) + 1));
}

bool CachedRead::Answer(ReadRequest& request, std::span<const PageSlot> slots) {
  for (const PageSlot& slot : slots) {
    if (slot.state == PageSlot::State::kFailedShared) {
      request.status = slot.status;
      return true;
    }
  }
  for (const PageSlot& slot : slots) {
    if (slot.state == PageSlot::State::kFailed) return false;
  }
  HandOut(context_.cache, frame_pins_, request, slots);
  return true;
}

void CachedRead::AddAlone(ReadRequest& request) {
  const Extent& extent = request.extent;
  const uint64_t unit = CachedFile::From(*extent.file).direct_alignment();
  const uint64_t begin = extent.offset / unit * unit;
  const uint64_t end = (extent.offset + extent.length + unit - 1) / unit * unit;
  absl::StatusOr<AlignedBuffer> buffer = AlignedBuffer::Create(end - begin);
  if (!buffer.ok()) {
    request.status = buffer.status();
    return;
  }
  const iovec piece = {buffer->data(), end - begin};
  alone_.push_back({&request, begin, *std::move(buffer), piece});
}

std::vector<IoRequest> CachedRead::AloneRequests() {
  std::vector<IoRequest> requests;
  for (const AloneRead& alone : alone_) {
    const Extent& extent = alone.request->extent;
    const ReadSource source =
        files_.Find(CachedFile::From(*extent.file).file());
    requests.push_back({.file = source.file,
                        .registered_file = source.registered_file,
                        .drop_behind = context_.through_page_cache &&
                                       policy_ == CachePolicy::kReadOnce,
                        .offset = alone.begin,
                        .pieces = {&alone.piece, 1},
                        .wanted_offset = extent.offset,
                        .wanted_length = extent.length});
  }
  return requests;
}

void CachedRead::FinishAlone(std::span<IoRequest> done) {
  for (size_t i = 0; i < done.size(); ++i) {
    AloneRead& alone = alone_[i];
    ReadRequest& request = *alone.request;
    request.status = std::move(done[i].status);
    if (request.status.ok()) {
      request.pin = std::move(alone.buffer)
                        .IntoPin(request.extent.offset - alone.begin,
                                 request.extent.length);
    }
  }
  alone_.clear();
}

}  // namespace quire::io
