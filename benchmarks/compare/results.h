// What a comparison measured.
#ifndef QUIRE_BENCHMARKS_COMPARE_RESULTS_H_
#define QUIRE_BENCHMARKS_COMPARE_RESULTS_H_

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"

namespace quire::benchmarks {

// Whose number it is.
enum class Side : uint8_t {
  kQuire,
  kPeer,
  kLimit,  // of the machine
};

// The samples of one contender in one row, one for each round.
struct Series {
  std::string name;
  Side side;
  std::vector<double> samples;

  // The middle one; the mean of the two in the middle. REQUIRES: there is one.
  double Median() const;
};

// What is known of a row beside its numbers.
struct RowInfo {
  std::string id;     // "hot-100/get"
  std::string title;  // "Get, ns"
  bool more_is_better = false;
  int decimals = 0;
  // The row whose numbers of the peers are those to beat, where the row has
  // none: what is asked of Quire alone. Empty: the row itself.
  std::string peers_of;
};

struct Row {
  RowInfo info;
  std::vector<Series> series;

  // nullptr if that one has no number here.
  const Series* Find(std::string_view name) const;
};

// All numbers of a run. Not thread-safe.
class Results {
 public:
  // Adds a sample, and the row and the series if they are new.
  void Add(const RowInfo& row, std::string_view name, Side side, double sample);

  // A line for the reader: what was left out, and why. Once, however often it
  // is said.
  void Note(const std::string& text);
  const std::vector<std::string>& notes() const { return notes_; }

  // nullptr if there is none.
  const Row* Find(std::string_view id) const;

  // The contender of `side` that is best in row `id` by its median; nullptr if
  // there is none. Of the peers, those of the row's `peers_of`.
  const Series* Best(std::string_view id, Side side) const;

  // In the order of their first sample.
  const std::deque<Row>& rows() const { return rows_; }

 private:
  std::deque<Row> rows_;
  std::vector<std::string> notes_;
};

// The rows of each scene, what stands before the '/' of their ids, as a table
// of medians: a column for each contender, and behind them how many times
// better the best of Quire is than the best peer. What a peer wins comes first
// and says so. Markdown that can be read as it is.
std::string ResultsToText(const Results& results);

// Every sample, by scene, row and contender.
nlohmann::ordered_json ResultsToJson(const Results& results);

// Lines of cells as a Markdown table, padded; the first line is the head. All
// but the first column are aligned to the right.
std::string PaddedTable(std::span<const std::vector<std::string>> lines);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_RESULTS_H_
