// The page cache against a model of itself that a reader can check by eye: all
// short sequences of operations, and long random ones.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cache/epoch.h"
#include "cache/page_cache.h"
#include "cache/page_entry.h"
#include "cache/translation.h"
#include "gtest/gtest.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"

namespace quire::cache {
namespace {

constexpr int kNone = -1;

// Three queues and ghosts, without threads, guards, magazines or atomics. Good
// for caches below 16 frames, where frames are taken and evicted one at a time.
class Model {
 public:
  struct Page {
    int frame = kNone;
    bool used = false;
    int left = kNone;  // how many ghosts there were when it became one
  };

  Model(int frames, int pages)
      : pages_(pages),
        page_in_(frames, kNone),
        queue_of_(frames, kNone),
        holds_(frames, 0) {}

  const Page& page(int page) const { return pages_[page]; }
  int evictions() const { return evictions_; }

  void Use(int page) { pages_[page].used = true; }
  void Hold(int frame) { ++holds_[frame]; }
  void Unhold(int frame) { --holds_[frame]; }

  // The frame that the next load gets, which is one of `page`.
  int Take(int page, bool point) {
    const int left = pages_[page].left;
    const bool ghost = left != kNone && ghosts_ - left < Frames();
    const int frame = TakeFrame();
    if (frame == kNone) return kNone;
    Append(frame, !point ? kScan : ghost ? kMain : kProbation);
    return frame;
  }

  void Return(int page, int frame) {
    pages_[page] = {};
    free_.push_back(frame);
  }

  void Place(int page, int frame) {
    pages_[page] = {.frame = frame};
    page_in_[frame] = page;
  }

  void DropAll() {
    for (Page& page : pages_) {
      if (page.frame == kNone) continue;
      page_in_[page.frame] = kNone;
      Remove(page.frame);
      dropped_.push_back(page.frame);
      page = {};
    }
    // Zombies are looked at before what comes out of limbo.
    if (!dropped_.empty()) LookAfterZombies();
    for (int frame : dropped_) {
      (holds_[frame] > 0 ? PushZombie(frame) : free_.push_back(frame));
    }
    dropped_.clear();
  }

 private:
  enum Queue { kScan, kProbation, kMain };

  int Frames() const { return static_cast<int>(page_in_.size()); }
  int Length(Queue queue) const {
    return static_cast<int>(queues_[queue].size());
  }
  void PushZombie(int frame) { zombies_.push_back(frame); }

  void LookAfterZombies() {
    for (size_t i = zombies_.size(); i > 0; --i) {
      const int frame = zombies_.front();
      zombies_.pop_front();
      (holds_[frame] > 0 ? PushZombie(frame) : free_.push_back(frame));
    }
  }

  int TakeFrame() {
    LookAfterZombies();
    if (free_.empty() && new_ == Frames()) Evict();
    if (!free_.empty()) {
      const int frame = free_.back();
      free_.pop_back();
      return frame;
    }
    return new_ < Frames() ? new_++ : kNone;
  }

  void Append(int frame, Queue queue) {
    if (queue_of_[frame] != kNone) return;
    queue_of_[frame] = queue;
    queues_[queue].push_back(frame);
  }

  void Remove(int frame) {
    if (queue_of_[frame] == kNone) return;
    std::erase(queues_[queue_of_[frame]], frame);
    queue_of_[frame] = kNone;
  }

  void Evict() {
    for (int looks = Frames() * 4; looks > 0; --looks) {
      Queue from = kMain;
      if (Length(kScan) > Frames() / 32) {
        from = kScan;
      } else if (Length(kProbation) > Frames() / 10) {
        from = kProbation;
      } else if (Length(kMain) == 0) {
        from = Length(kProbation) > 0 ? kProbation : kScan;
      }
      if (Length(from) == 0) return;
      const int frame = queues_[from].front();
      Remove(frame);
      if (page_in_[frame] == kNone || holds_[frame] > 0) {
        Append(frame, from == kScan ? kProbation : kMain);
        continue;
      }
      Page& page = pages_[page_in_[frame]];
      if (page.used) {
        page.used = false;
        Append(frame, from == kScan ? kProbation : kMain);
        continue;
      }
      page = {};
      if (from == kProbation) page.left = ++ghosts_;
      page_in_[frame] = kNone;
      free_.push_back(frame);
      ++evictions_;
      return;
    }
  }

  std::vector<Page> pages_;
  std::vector<int> page_in_;
  std::vector<int> queue_of_;
  std::array<std::deque<int>, 3> queues_;
  std::vector<int> holds_;
  std::vector<int> free_;
  std::deque<int> zombies_;
  std::vector<int> dropped_;
  int new_ = 0;
  int ghosts_ = 0;
  int evictions_ = 0;
};

// One operation on one page.
enum class Op {
  kPoint,   // find and use; if it isn't there, load it
  kScan,    // find; if it isn't there, load it for a scan
  kFail,    // if it isn't there, begin to load it and fail
  kHold,    // if it is there, hold it
  kUnhold,  // let the oldest hold go
  kDrop,    // all pages
};

// The cache and its model, side by side.
class Pair {
 public:
  Pair(int frames, int pages)
      : cache_(*PageCache::Create(static_cast<uint32_t>(frames))),
        file_(*Translation::Create(static_cast<uint64_t>(pages))),
        model_(frames, pages) {}
  ~Pair() {
    while (!held_.empty()) Unhold();
    cache_->Drop(file_);
  }

  void Do(Op op, int page) {
    switch (op) {
      case Op::kPoint:
      case Op::kScan:
        return Access(page, op == Op::kPoint);
      case Op::kFail:
        return Fail(page);
      case Op::kHold:
        return Hold(page);
      case Op::kUnhold:
        return Unhold();
      case Op::kDrop:
        cache_->Drop(file_);
        return model_.DropAll();
    }
  }

  // Empty if both agree, else where they don't.
  std::string Difference() {
    const EpochGuard guard;
    for (uint64_t page = 0; page < file_.page_count(); ++page) {
      const Model::Page& expected = model_.page(static_cast<int>(page));
      const FrameIndex frame = cache_->Find(file_.entry(page));
      const int found = frame == kNoFrame ? kNone : static_cast<int>(frame);
      if (found != expected.frame) {
        return absl::StrCat("page ", page, " in frame ", found, ", not ",
                            expected.frame);
      }
      if (found == kNone) continue;
      if (IsUsed(file_.entry(page).load()) != expected.used) {
        return absl::StrCat("page ", page, " is used: not ", expected.used);
      }
      if (!HasBytesOf(frame, page)) return absl::StrCat("bytes of ", page);
    }
    for (const Held& held : held_) {
      if (!HasBytesOf(held.frame, static_cast<uint64_t>(held.page))) {
        return absl::StrCat("held bytes of ", held.page);
      }
    }
    if (cache_->evictions() != static_cast<uint64_t>(model_.evictions())) {
      return absl::StrCat(cache_->evictions(), " evictions, not ",
                          model_.evictions());
    }
    return "";
  }

 private:
  struct Held {
    FrameIndex frame;
    int page;
  };

  bool HasBytesOf(FrameIndex frame, uint64_t page) const {
    uint64_t first;
    uint64_t last;
    std::memcpy(&first, cache_->Data(frame), sizeof(first));
    std::memcpy(&last, cache_->Data(frame) + kFrameBytes - sizeof(last),
                sizeof(last));
    return first == page && last == page;
  }

  void Access(int page, bool point) {
    PageEntry& entry = file_.entry(static_cast<uint64_t>(page));
    if (model_.page(page).frame != kNone) {
      const EpochGuard guard;
      if (point) {
        cache_->FindAndUse(entry);
        model_.Use(page);
      } else {
        cache_->Find(entry);
      }
      return;
    }
    PageLoad load;
    if (!Claim(page, point, &load)) return;
    const uint64_t number = static_cast<uint64_t>(page);
    std::memcpy(cache_->Data(load.frame), &number, sizeof(number));
    std::memcpy(cache_->Data(load.frame) + kFrameBytes - sizeof(number),
                &number, sizeof(number));
    cache_->Publish(load);
    cache_->Unhold(load.frame);
    model_.Place(page, static_cast<int>(load.frame));
  }

  void Fail(int page) {
    if (model_.page(page).frame != kNone) return;
    PageLoad load;
    if (!Claim(page, true, &load)) return;
    cache_->Abandon(load, absl::UnavailableError("failed"));
    model_.Return(page, static_cast<int>(load.frame));
  }

  // True if both got the same frame.
  bool Claim(int page, bool point, PageLoad* load) {
    const ClaimResult result =
        cache_->Claim(file_.entry(static_cast<uint64_t>(page)),
                      point ? LoadFor::kPoint : LoadFor::kScan, load);
    const int frame = model_.Take(page, point);
    EXPECT_EQ(result,
              frame == kNone ? ClaimResult::kNoFrame : ClaimResult::kClaimed);
    if (result != ClaimResult::kClaimed) return false;
    EXPECT_EQ(static_cast<int>(load->frame), frame);
    return true;
  }

  void Hold(int page) {
    const EpochGuard guard;
    const FrameIndex frame =
        cache_->Find(file_.entry(static_cast<uint64_t>(page)));
    if (frame == kNoFrame) return;
    cache_->Hold(frame);
    model_.Hold(static_cast<int>(frame));
    held_.push_back({frame, page});
  }

  void Unhold() {
    if (held_.empty()) return;
    cache_->Unhold(held_.front().frame);
    model_.Unhold(static_cast<int>(held_.front().frame));
    held_.pop_front();
  }

  std::unique_ptr<PageCache> cache_;
  Translation file_;
  Model model_;
  std::deque<Held> held_;
};

struct Step {
  Op op;
  int page;
};

std::string Text(const std::vector<Step>& steps) {
  std::string text;
  for (const Step& step : steps) {
    absl::StrAppend(&text, static_cast<int>(step.op), "(", step.page, ") ");
  }
  return text;
}

// All sequences of `length` operations.
void TryAllSequences(int frames, int pages, size_t length) {
  std::vector<Step> alphabet = {
      {Op::kFail, 0}, {Op::kUnhold, 0}, {Op::kDrop, 0}};
  for (int page = 0; page < pages; ++page) {
    alphabet.push_back({Op::kPoint, page});
    alphabet.push_back({Op::kScan, page});
    alphabet.push_back({Op::kHold, page});
  }
  std::vector<size_t> digits(length, 0);  // counts in base alphabet.size()
  std::vector<Step> steps(length);
  while (true) {
    for (size_t i = 0; i < length; ++i) steps[i] = alphabet[digits[i]];
    Pair pair(frames, pages);
    for (const Step& step : steps) {
      pair.Do(step.op, step.page);
      ASSERT_EQ(pair.Difference(), "") << Text(steps);
      ASSERT_FALSE(::testing::Test::HasFailure()) << Text(steps);
    }
    size_t i = 0;
    while (i < length && ++digits[i] == alphabet.size()) digits[i++] = 0;
    if (i == length) break;
  }
}

TEST(PageCacheModelTest, AllShortSequencesAgreeOnOneFrame) {
  TryAllSequences(1, 2, 4);
}

TEST(PageCacheModelTest, AllShortSequencesAgreeOnTwoFrames) {
  TryAllSequences(2, 3, 4);
}

TEST(PageCacheModelTest, LongRandomSequencesAgree) {
  const uint64_t seed = quire::testing::TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int frames : {1, 2, 3, 5, 8, 15}) {
    const int pages = frames * 3;
    Pair pair(frames, pages);
    for (int i = 0; i < 20000; ++i) {
      // Mostly reads; a hold more often goes than comes.
      static constexpr Op kOps[] = {
          Op::kPoint, Op::kPoint, Op::kPoint,  Op::kPoint,  Op::kScan,
          Op::kScan,  Op::kFail,  Op::kUnhold, Op::kUnhold, Op::kHold};
      const Op op = random() % 500 == 0 ? Op::kDrop : kOps[random() % 10];
      // Small numbers are hot.
      const int page =
          static_cast<int>(std::min(random() % pages, random() % pages));
      pair.Do(op, page);
      ASSERT_EQ(pair.Difference(), "") << "step " << i << " of " << frames;
      ASSERT_FALSE(::testing::Test::HasFailure()) << "step " << i;
    }
  }
}

}  // namespace
}  // namespace quire::cache
