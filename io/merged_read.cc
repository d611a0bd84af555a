#include "io/merged_read.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "io/sealed_file.h"

namespace quire::io {
namespace {

// Copying a gap of one page costs a tenth or two of the system call that it
// saves.
constexpr uint64_t kGapMax = 4096;

// Longer reads gain nothing from being merged, and a failure repeats them.
constexpr uint64_t kMergedMax = 1 << 20;
constexpr size_t kPiecesMax = 256;  // well below IOV_MAX

// An extent of the plan.
struct Part {
  ReadRequest* request;
  std::unique_ptr<std::byte[]> bytes;
  // The first `overlap` bytes are copied from the part at index `leader`, the
  // earlier one that reaches farthest; the rest is read.
  size_t leader = 0;
  uint64_t overlap = 0;

  uint64_t begin() const { return request->extent.offset; }
  uint64_t length() const { return request->extent.length; }
  uint64_t end() const { return begin() + length(); }
};

// Consecutive parts that one read serves.
struct Group {
  size_t first_part;
  size_t part_count = 0;
  size_t first_piece;
  size_t piece_count = 0;
  uint64_t begin;
  uint64_t end;
};

class Plan {
 public:
  Plan(std::span<ReadRequest> requests,
       absl::FunctionRef<ReadSource(const AttachedFile&)> source_of,
       bool drop_behind, ReadEngine& engine)
      : source_of_(source_of), drop_behind_(drop_behind), engine_(engine) {
    parts_.reserve(requests.size());
    for (ReadRequest& request : requests) AddPart(request);
    std::sort(parts_.begin(), parts_.end(), [](const Part& a, const Part& b) {
      const Extent& left = a.request->extent;
      const Extent& right = b.request->extent;
      if (left.file != right.file) {
        return std::less<>()(left.file, right.file);
      }
      return left.offset < right.offset;
    });
    MakeGroups();
  }

  MergedReadCost Run() {
    std::vector<IoRequest> reads;
    reads.reserve(groups_.size());
    for (const Group& group : groups_) {
      reads.push_back(Request(
          group.first_part, group.begin, group.end - group.begin,
          std::span(pieces_).subspan(group.first_piece, group.piece_count)));
    }
    Submit(reads);
    std::vector<size_t> again;  // parts of merged reads that failed
    for (size_t i = 0; i < groups_.size(); ++i) {
      const Group& group = groups_[i];
      for (size_t p = group.first_part; p < group.first_part + group.part_count;
           ++p) {
        if (reads[i].status.ok()) {
          CopyOverlap(parts_[p]);
        } else if (group.part_count > 1) {
          again.push_back(p);
        } else {
          parts_[p].request->status = std::move(reads[i].status);
        }
      }
    }
    if (!again.empty()) ReadAlone(again);
    // Only now: a part's bytes may be copied from until the last overlap.
    for (Part& part : parts_) {
      if (part.request->status.ok()) {
        part.request->pin = MakeOwnedPin(std::move(part.bytes), part.length());
      }
    }
    return cost_;
  }

 private:
  // Takes the request into the plan unless it can be answered at once.
  void AddPart(ReadRequest& request) {
    std::unique_ptr<std::byte[]> bytes = BeginCopy(request);
    if (bytes == nullptr) return;
    parts_.push_back({.request = &request, .bytes = std::move(bytes)});
  }

  void MakeGroups() {
    size_t leader = 0;  // of the last group
    for (size_t p = 0; p < parts_.size(); ++p) {
      Part& part = parts_[p];
      if (groups_.empty() || !Fits(groups_.back(), part)) {
        groups_.push_back({.first_part = p,
                           .first_piece = pieces_.size(),
                           .begin = part.begin(),
                           .end = part.begin()});
        leader = p;
      }
      Group& group = groups_.back();
      ++group.part_count;
      if (part.begin() > group.end) {
        AddPiece(group, gap_.data(), part.begin() - group.end);
      }
      part.leader = leader;
      part.overlap = std::min(group.end - part.begin(), part.length());
      if (part.overlap < part.length()) {
        AddPiece(group, part.bytes.get() + part.overlap,
                 part.length() - part.overlap);
        leader = p;
      }
    }
  }

  bool Fits(const Group& group, const Part& part) const {
    const Part& first = parts_[group.first_part];
    return part.request->extent.file == first.request->extent.file &&
           part.begin() <= group.end + kGapMax &&
           std::max(part.end(), group.end) - group.begin <= kMergedMax &&
           group.piece_count + 2 <= kPiecesMax;
  }

  void AddPiece(Group& group, std::byte* bytes, uint64_t length) {
    pieces_.push_back({.iov_base = bytes, .iov_len = length});
    ++group.piece_count;
    group.end += length;
  }

  IoRequest Request(size_t part, uint64_t offset, uint64_t length,
                    std::span<const iovec> pieces) const {
    const ReadSource source = source_of_(*parts_[part].request->extent.file);
    IoRequest request;
    request.file = source.file;
    request.registered_file = source.registered_file;
    request.drop_behind = drop_behind_;
    request.offset = offset;
    request.pieces = pieces;
    request.wanted_offset = offset;
    request.wanted_length = length;
    return request;
  }

  void Submit(std::span<IoRequest> reads) {
    cost_.reads += reads.size();
    for (const IoRequest& read : reads) cost_.bytes += read.wanted_length;
    engine_.ReadBatch(reads);
  }

  void CopyOverlap(Part& part) {
    if (part.overlap == 0) return;
    const Part& leader = parts_[part.leader];
    std::memcpy(part.bytes.get(),
                leader.bytes.get() + (part.begin() - leader.begin()),
                part.overlap);
  }

  void ReadAlone(std::span<const size_t> parts) {
    std::vector<iovec> pieces;
    pieces.reserve(parts.size());  // requests keep pointers into it
    std::vector<IoRequest> reads;
    reads.reserve(parts.size());
    for (const size_t p : parts) {
      const Part& part = parts_[p];
      pieces.push_back(
          {.iov_base = part.bytes.get(), .iov_len = part.length()});
      reads.push_back(Request(p, part.begin(), part.length(),
                              std::span(&pieces.back(), 1)));
    }
    Submit(reads);
    for (size_t i = 0; i < parts.size(); ++i) {
      parts_[parts[i]].request->status = std::move(reads[i].status);
    }
  }

  const absl::FunctionRef<ReadSource(const AttachedFile&)> source_of_;
  const bool drop_behind_;
  ReadEngine& engine_;
  std::vector<Part> parts_;
  std::vector<Group> groups_;
  std::vector<iovec> pieces_;
  MergedReadCost cost_;
  // Where the bytes of all gaps go; nobody reads them.
  std::array<std::byte, kGapMax> gap_;
};

}  // namespace

MergedReadCost ReadMerged(
    std::span<ReadRequest> requests,
    absl::FunctionRef<ReadSource(const AttachedFile&)> source_of,
    bool drop_behind, ReadEngine& engine) {
  return Plan(requests, source_of, drop_behind, engine).Run();
}

}  // namespace quire::io
