#include "benchmarks/cache_policy/trace.h"

#include <functional>
#include <utility>

#include "benchmarks/random.h"
#include "benchmarks/zipf.h"

namespace quire::benchmarks {
namespace {

constexpr double kSkew = 0.99;
constexpr double kMildSkew = 0.7;

// Makes the traces of one run.
class Maker {
 public:
  Maker(uint32_t pages, uint64_t accesses, uint64_t seed)
      : pages_(pages),
        accesses_(accesses),
        random_(seed),
        skewed_(pages, kSkew),
        mild_(pages, kMildSkew),
        places_(pages, seed) {}

  Trace Skewed() {
    return Points("zipf 0.99", "a few pages are hot",
                  [&](uint64_t) { return Place(skewed_.Draw(random_)); });
  }

  Trace MildlySkewed() {
    return Points("zipf 0.7", "less so",
                  [&](uint64_t) { return Place(mild_.Draw(random_)); });
  }

  Trace Uniform() {
    return Points("uniform", "no page is hotter than another",
                  [&](uint64_t) { return random_.Uniform(pages_); });
  }

  // What is hot changes eight times.
  Trace Shifting() {
    return Points("shifting", "zipf 0.99, other pages are hot each eighth",
                  [&](uint64_t i) {
                    const uint64_t phase = i * 8 / accesses_;
                    const uint64_t shift = phase * (pages_ / 8);
                    return Place((skewed_.Draw(random_) + shift) % pages_);
                  });
  }

  // The hottest page is the newest; a new one comes each eight accesses.
  Trace Latest() {
    return Points("latest", "zipf 0.99 by age: new pages are the hottest",
                  [&](uint64_t i) {
                    const uint64_t newest = i / 8 % pages_;
                    return (newest + pages_ - skewed_.Draw(random_)) % pages_;
                  });
  }

  // Round and round over `part` of the pages, and something hot in between.
  Trace Loop(const char* name, const char* meaning, double part, bool hot) {
    const auto length = static_cast<uint64_t>(part * pages_);
    return Points(name, meaning, [&, hot, length](uint64_t i) {
      if (!hot) return i % length;
      return i % 2 == 0 ? i / 2 % length : Place(skewed_.Draw(random_));
    });
  }

  // Point reads, zipf 0.99, while a scan goes over all pages again and again.
  Trace Scanned(const char* name, const char* meaning, bool said) {
    constexpr uint64_t kPerPoint = 2;
    Trace trace = Empty(name, meaning);
    uint64_t at = 0;
    for (uint64_t i = 0; i < accesses_; ++i) {
      Add(trace, Place(skewed_.Draw(random_)), false);
      for (uint64_t j = 0; j < kPerPoint; ++j) {
        Add(trace, at++ % pages_, said);
      }
    }
    return trace;
  }

 private:
  Trace Empty(const char* name, const char* meaning) const {
    return {.name = name, .meaning = meaning, .pages = pages_, .accesses = {}};
  }

  static void Add(Trace& trace, uint64_t page, bool scan) {
    trace.accesses.push_back({static_cast<uint32_t>(page), scan});
  }

  // Hot pages lie anywhere.
  uint64_t Place(uint64_t rank) const { return places_(rank); }

  Trace Points(const char* name, const char* meaning,
               const std::function<uint64_t(uint64_t)>& page) {
    Trace trace = Empty(name, meaning);
    trace.accesses.reserve(accesses_);
    for (uint64_t i = 0; i < accesses_; ++i) Add(trace, page(i), false);
    return trace;
  }

  const uint32_t pages_;
  const uint64_t accesses_;
  Random random_;
  const Zipf skewed_;
  const Zipf mild_;
  const Permutation places_;
};

}  // namespace

std::vector<Trace> MakeTraces(uint32_t pages, uint64_t accesses,
                              uint64_t seed) {
  Maker make(pages, accesses, seed);
  std::vector<Trace> traces;
  traces.push_back(make.Skewed());
  traces.push_back(make.MildlySkewed());
  traces.push_back(make.Uniform());
  traces.push_back(make.Shifting());
  traces.push_back(make.Latest());
  traces.push_back(
      make.Loop("loop", "round and round a tenth of the pages", 0.1, false));
  traces.push_back(
      make.Loop("loop and zipf", "that, and zipf 0.99 in between", 0.1, true));
  traces.push_back(
      make.Scanned("scanned", "zipf 0.99 beside scans of everything", true));
  traces.push_back(make.Scanned(
      "scanned unsaid", "that, by a scan which looks like point reads", false));
  return traces;
}

}  // namespace quire::benchmarks
