// compare: the same work through the public API of Quire and of its peers.
// `compare --help` has the flags, docs/benchmarks.md what the numbers mean.
#include <string_view>
#include <vector>

#include "benchmarks/compare/cold_reader.h"
#include "benchmarks/compare/comparison.h"
#include "benchmarks/compare/options.h"
#include "benchmarks/compare/peers.h"
#include "benchmarks/compare/quire_engine.h"
#include "benchmarks/program.h"

int main(int argc, char** argv) {
  namespace benchmarks = quire::benchmarks;
  const auto own = benchmarks::QuireContenders();
  const auto peers = benchmarks::PeerContenders();
  std::vector<benchmarks::Contender> all(own.begin(), own.end());
  all.insert(all.end(), peers.begin(), peers.end());
  if (argc == 2 && std::string_view(argv[1]) == benchmarks::kColdReaderWord) {
    return benchmarks::ColdReaderMain(all);
  }
  return benchmarks::RunProgram(
      "compare", argc, argv,
      [&](std::span<const std::string> words) {
        return benchmarks::ParseCompareOptions(words, all);
      },
      benchmarks::CompareHelp,
      [&](const benchmarks::CompareOptions& options) {
        return benchmarks::RunComparison(options, all);
      });
}
