#include "benchmarks/compare/scenes.h"

#include <array>

namespace quire::benchmarks {
namespace {

constexpr std::array kScenes = {
    Scene{"hot-100", "everything in memory, values of 100 bytes",
          SceneKind::kHot, 100, true},
    Scene{"hot-1k", "the same, values of 1 KiB", SceneKind::kHot, 1024, true},
    Scene{"hot-8k", "the same, values of 8 KiB, random reads only",
          SceneKind::kHot, 8192},
};

}  // namespace

std::span<const Scene> Scenes() { return kScenes; }

}  // namespace quire::benchmarks
