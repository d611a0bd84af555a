// What a result was measured on.
#ifndef QUIRE_BENCHMARKS_MACHINE_SHEET_H_
#define QUIRE_BENCHMARKS_MACHINE_SHEET_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace quire::benchmarks {

// A label, as "CPU", and its text.
using SheetLine = std::pair<std::string, std::string>;

// The machine, the build of this program and the file system that holds `path`
// or, if that doesn't exist yet, would hold it: date, CPU, kernel, memory
// (with the limit of the process's control group), huge pages, whether idle
// memory is taken back, file system, compiler. What can't be found out is left
// out.
std::vector<SheetLine> MachineSheet(const std::string& path);

// Why this build of the program can't show true speed, a line each: assertions,
// no optimisation, a sanitizer. Empty for a build that can.
std::vector<std::string> BuildWarnings();

// Bytes of memory that new work could have without swapping; 0 if unknown.
uint64_t AvailableMemoryBytes();

// The lines as "Label:      text\n", the texts one below the other.
std::string SheetToText(const std::vector<SheetLine>& sheet);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_MACHINE_SHEET_H_
