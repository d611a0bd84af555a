// What compare measures, scene by scene.
#ifndef QUIRE_BENCHMARKS_COMPARE_SCENES_H_
#define QUIRE_BENCHMARKS_COMPARE_SCENES_H_

#include <cstdint>
#include <span>

namespace quire::benchmarks {

enum class SceneKind : uint8_t {
  kHot,   // reads, with everything in memory
  kCold,  // reads, with a quarter of the data's size as memory
  kWrites,
};

struct Scene {
  const char* id;  // in front of the '/' of its rows' ids
  const char* title;
  SceneKind kind;
  uint64_t value_bytes;
  // For kHot: also the states of Quire other than one run, scans, and threads.
  bool in_full = false;
};

// In the order of the run: scenes of one value size that read the same stores
// stand together.
std::span<const Scene> Scenes();

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_SCENES_H_
