#include "benchmarks/compare/stores.h"

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "benchmarks/compare/quire_engine.h"
#include "benchmarks/progress.h"
#include "benchmarks/stopwatch.h"

namespace quire::benchmarks {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLoadBatch = 100;  // entries
constexpr uint64_t kRuns = 4;

absl::StatusOr<std::unique_ptr<Engine>> CreateUnmerged(
    const EngineOptions& options) {
  return OpenQuireUnmerged(options);
}

// Entries of consecutive batches, in the order of a permutation.
class BatchMaker {
 public:
  explicit BatchMaker(const KeySpace& keys)
      : keys_(keys),
        order_(keys.LoadOrder()),
        buffers_(kLoadBatch),
        texts_(kLoadBatch) {}

  uint64_t done() const { return done_; }

  // Up to key `end` of the order. Dies with the next one.
  std::span<const Entry> Next(uint64_t end) {
    entries_.clear();
    for (size_t i = 0; i < kLoadBatch && done_ < end; ++i, ++done_) {
      const uint64_t number = order_(done_);
      keys_.FillValue(number, &texts_[i]);
      entries_.push_back({buffers_[i].Set(number), texts_[i]});
    }
    return entries_;
  }

 private:
  const KeySpace& keys_;
  const Permutation order_;
  std::vector<KeyBuffer> buffers_;
  std::vector<std::string> texts_;
  std::vector<Entry> entries_;
  uint64_t done_ = 0;
};

}  // namespace

void Say(const std::string& text) {
  std::fprintf(stderr, "compare: %s\n", text.c_str());
}

Stores::Stores(std::string root, const KeySpace& keys)
    : root_(std::move(root)), keys_(keys) {
  RemoveAll();
  std::error_code ignored;  // an error shows when a store is created
  fs::create_directories(root_, ignored);
}

Stores::~Stores() { RemoveAll(); }

void Stores::RemoveAll() const {
  std::error_code ignored;  // an error shows when a store is created
  fs::remove_all(root_, ignored);
}

std::string Stores::DirectoryOf(std::string_view folder) const {
  return fs::path(root_) / folder;
}

EngineOptions Stores::OptionsFor(const std::string& folder) const {
  return {.directory = DirectoryOf(folder),
          .data_bytes = keys_.data_bytes(),
          .cache_bytes = 0};
}

absl::StatusOr<double> Stores::Load(const std::string& folder,
                                    OpenFunction create, Then then) {
  if (const auto found = loaded_.find(folder); found != loaded_.end()) {
    return found->second;
  }
  Progress progress(absl::StrCat("load, ", folder), keys_.num());
  Say(absl::StrCat("load, ", folder));
  Stopwatch watch;
  watch.Start();
  QUIRE_ASSIGN_OR_RETURN(
      std::unique_ptr<Engine> engine,
      (then == Then::kFourRuns ? CreateUnmerged : create)(OptionsFor(folder)));
  watch.Stop();
  BatchMaker batches(keys_);
  const uint64_t parts = then == Then::kFourRuns ? kRuns : 1;
  for (uint64_t part = 1; part <= parts; ++part) {
    const uint64_t end = keys_.num() * part / parts;
    while (batches.done() < end) {
      const std::span<const Entry> entries = batches.Next(end);
      watch.Start();
      QUIRE_RETURN_IF_ERROR(engine->Write(entries));
      watch.Stop();
      progress.Update(batches.done());
    }
    if (then != Then::kFourRuns) continue;
    QUIRE_RETURN_IF_ERROR(
        static_cast<QuireEngine&>(*engine).db().FlushMemtables());
  }
  watch.Start();
  QUIRE_RETURN_IF_ERROR(engine->Finish());
  watch.Stop();
  if (then == Then::kSettle) QUIRE_RETURN_IF_ERROR(engine->Settle());
  loaded_[folder] = watch.seconds();
  return watch.seconds();
}

void Stores::Remove(const std::string& folder) {
  std::error_code ignored;  // what is left goes with the root
  fs::remove_all(DirectoryOf(folder), ignored);
  loaded_.erase(folder);
}

absl::Status Stores::Copy(const std::string& folder,
                          const std::string& copy) const {
  std::error_code error;
  fs::copy(DirectoryOf(folder), DirectoryOf(copy), fs::copy_options::recursive,
           error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("copying ", folder, ": ", error.message()));
}

absl::StatusOr<std::unique_ptr<Engine>> Stores::Open(const std::string& folder,
                                                     OpenFunction open) const {
  EngineOptions options = OptionsFor(folder);
  // Everything fits twice.
  options.cache_bytes = 2 * keys_.data_bytes() + (64 << 20);
  return open(options);
}

}  // namespace quire::benchmarks
