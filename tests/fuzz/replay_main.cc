// Runs a fuzz target over its corpus: replay FILE... Without libFuzzer, so that
// any compiler will do.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "tests/fuzz/fuzz_target.h"
#include "tests/testing/temp_directory.h"

// Only libFuzzer mutates.
extern "C" size_t LLVMFuzzerMutate(uint8_t*, size_t, size_t) { std::abort(); }

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "no corpus\n";
    return 1;
  }
  for (int i = 1; i < argc; ++i) {
    const std::string input = quire::testing::ReadFile(argv[i]);
    std::cout << argv[i] << ": " << input.size() << " bytes" << std::endl;
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()),
                           input.size());
  }
  std::cout << argc - 1 << " inputs, no failure" << std::endl;
}
