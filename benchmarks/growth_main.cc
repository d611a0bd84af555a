// growth: what a database costs as it grows. `growth --help` has the flags,
// docs/benchmarks.md what the numbers mean.
#include "benchmarks/growth.h"
#include "benchmarks/program.h"

int main(int argc, char** argv) {
  namespace benchmarks = quire::benchmarks;
  return benchmarks::RunProgram("growth", argc, argv,
                                benchmarks::ParseGrowthOptions,
                                benchmarks::GrowthHelp, benchmarks::RunGrowth);
}
