// overwrite: what endless overwriting costs. `overwrite --help` has the flags,
// docs/benchmarks.md what the numbers mean.
#include <cstdio>
#include <string>

#include "base/status_macros.h"
#include "benchmarks/overwrite.h"
#include "benchmarks/program.h"

int main(int argc, char** argv) {
  namespace benchmarks = quire::benchmarks;
  return benchmarks::RunProgram(
      "overwrite", argc, argv, benchmarks::ParseOverwriteOptions,
      benchmarks::OverwriteHelp,
      [](const benchmarks::OverwriteOptions& options) -> absl::Status {
        QUIRE_ASSIGN_OR_RETURN(const benchmarks::OverwriteResult result,
                               benchmarks::RunOverwrite(options));
        std::fputs(benchmarks::OverwriteTable(options, result).c_str(), stdout);
        return absl::OkStatus();
      });
}
