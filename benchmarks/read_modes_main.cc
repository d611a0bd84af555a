// read_modes: one database read back in all read modes, side by side.
// `read_modes --help` has the flags, docs/benchmarks.md what the numbers mean.
#include <utility>

#include "benchmarks/program.h"
#include "benchmarks/read_modes.h"
#include "benchmarks/read_modes_options.h"

int main(int argc, char** argv) {
  using quire::benchmarks::ReadModesOptions;
  return quire::benchmarks::RunProgram(
      "read_modes", argc, argv, quire::benchmarks::ParseReadModesOptions,
      quire::benchmarks::ReadModesHelp, [](ReadModesOptions options) {
        return quire::benchmarks::ReadModes(std::move(options)).Run();
      });
}
