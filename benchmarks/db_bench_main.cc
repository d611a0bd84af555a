// db_bench: LevelDB's benchmark program for Quire. `db_bench --help` has the
// flags, docs/benchmarks.md what the numbers mean.
#include <utility>

#include "benchmarks/db_bench.h"
#include "benchmarks/db_bench_options.h"
#include "benchmarks/program.h"

int main(int argc, char** argv) {
  using quire::benchmarks::DbBenchOptions;
  return quire::benchmarks::RunProgram(
      "db_bench", argc, argv, quire::benchmarks::ParseDbBenchOptions,
      quire::benchmarks::DbBenchHelp, [](DbBenchOptions options) {
        return quire::benchmarks::DbBench(std::move(options)).Run();
      });
}
