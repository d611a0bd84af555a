#include "io/preadv_engine.h"

#include <span>
#include <string>

#include "io/blocking_read.h"

namespace quire::io {
namespace {

class PreadvEngine final : public ReadEngine {
 public:
  void ReadBatch(std::span<IoRequest> requests) override {
    for (IoRequest& request : requests) ReadBlocking(request);
  }

  std::string Description() const override { return "preadv"; }
};

}  // namespace

std::unique_ptr<ReadEngine> MakePreadvEngine() {
  return std::make_unique<PreadvEngine>();
}

}  // namespace quire::io
