// The goals of Quire's speed, and which of them a run has met.
#ifndef QUIRE_BENCHMARKS_COMPARE_BARS_H_
#define QUIRE_BENCHMARKS_COMPARE_BARS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "benchmarks/compare/results.h"
#include "nlohmann/json.hpp"

namespace quire::benchmarks {

// What a number of Quire's is held against.
enum class Against : uint8_t {
  kBestPeer,  // of the row, see Results::Best
  kSeries,    // another one's number in the row
  kNothing,   // the number itself is what counts
};

// A goal: how many times better than something each of `contenders` must be in
// a row, or at_most: how many times as much as that its number may be. (Better
// means less, but for rows of which more is better.)
struct Bar {
  const char* number;  // as in the list of goals
  const char* text;
  const char* row;         // its id
  const char* contenders;  // names, parted by commas
  Against against;
  const char* series;  // for kSeries
  double required;
  bool at_most = false;
};

// All of them.
std::span<const Bar> Bars();

// A goal and one contender.
struct Verdict {
  const Bar* bar;
  std::string contender;
  std::string against;  // whose number it was; empty for kNothing
  // Nothing if it wasn't measured. The ratio is that of the medians; low and
  // high are those of the ratios of single rounds.
  std::optional<double> ratio;
  double low = 0;
  double high = 0;

  bool met() const;
  // What is missing, as a share of what is required; 0 if it is met.
  double missing() const;
};

// One for each contender of each goal, in their order.
std::vector<Verdict> Judge(const Results& results, std::span<const Bar> bars);

// A Markdown table, what was missed first, most first, then what was met; below
// it a list of what wasn't measured.
std::string VerdictsToText(std::span<const Verdict> verdicts);

nlohmann::ordered_json VerdictsToJson(std::span<const Verdict> verdicts);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_BARS_H_
