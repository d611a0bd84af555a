#include "benchmarks/compare/scenes.h"

#include <array>

namespace quire::benchmarks {
namespace {

constexpr std::array kScenes = {
    Scene{"hot-100", "everything in memory, values of 100 bytes",
          SceneKind::kHot, 100, true},
    Scene{"cold-100", "the same, data of four times the memory",
          SceneKind::kCold, 100},
    Scene{"writes", "filling new stores, and overwriting one of Quire for long",
          SceneKind::kWrites, 100},
    Scene{"hot-1k", "everything in memory, values of 1 KiB", SceneKind::kHot,
          1024, true},
    Scene{"cold-1k", "the same, data of four times the memory",
          SceneKind::kCold, 1024},
    Scene{"hot-8k", "everything in memory, values of 8 KiB, random reads",
          SceneKind::kHot, 8192},
};

}  // namespace

std::span<const Scene> Scenes() { return kScenes; }

}  // namespace quire::benchmarks
