#include "benchmarks/compare/write_scene.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "benchmarks/compare/fio.h"
#include "benchmarks/stopwatch.h"

namespace quire::benchmarks {
namespace {

namespace fs = std::filesystem;

constexpr char kFolder[] = "filled";
constexpr char kDeviceName[] = "device (fio)";
constexpr uint64_t kFioBytes = uint64_t{16} << 20;
constexpr uint64_t kSyncedPuts = 300;
constexpr uint64_t kPart = 4;  // of the stores' keys
constexpr uint64_t kSustainedBatch = 100;

enum class Order : uint8_t { kRandom, kSequential };

struct Fill {
  const char* id;
  const char* title;
  Order order;
  uint64_t batch;    // entries of a call
  uint64_t part;     // of the keys
  uint64_t at_most;  // keys
  bool synced;
};

constexpr std::array kFills = {
    Fill{"fillrandom", "fillrandom, batches of 100, ns/key", Order::kRandom,
         100, 1, UINT64_MAX, false},
    Fill{"fillseq", "fillseq, batches of 100, ns/key", Order::kSequential, 100,
         1, UINT64_MAX, false},
    Fill{"fillrandom-single", "fillrandom, single puts, ns/key", Order::kRandom,
         1, 4, UINT64_MAX, false},
    Fill{"fillseq-single", "fillseq, single puts, ns/key", Order::kSequential,
         1, 4, UINT64_MAX, false},
    Fill{"fillsync", "fillsync, single puts, ns/key", Order::kRandom, 1, 1,
         kSyncedPuts, true},
};

class WriteScene {
 public:
  WriteScene(const Scene& scene, const CompareOptions& options, Stores& stores,
             Results* results)
      : scene_(scene),
        options_(options),
        stores_(stores),
        keys_(std::max<uint64_t>(stores.keys().num() / kPart, kSyncedPuts),
              stores.keys().value_bytes(), options.seed),
        results_(results) {}

  absl::Status Run(std::span<const Contender> contenders) {
    std::vector<const Contender*> filled;
    for (const Contender& one : contenders) {
      const bool known = std::any_of(
          filled.begin(), filled.end(), [&](const Contender* other) {
            return std::strcmp(other->folder, one.folder) == 0;
          });
      if (one.fills && !known) filled.push_back(&one);
    }
    for (uint64_t round = 0; round < options_.rounds; ++round) {
      Say(absl::StrCat(scene_.id, ", round ", round + 1, " of ",
                       options_.rounds));
      MeasureDevice();
      for (size_t i = 0; i < filled.size(); ++i) {
        const Contender& contender = *filled[(i + round) % filled.size()];
        for (const Fill& fill : kFills) {
          QUIRE_RETURN_IF_ERROR(Measure(contender, fill));
        }
      }
    }
    for (const Contender* const contender : filled) {
      if (!contender->is_peer) QUIRE_RETURN_IF_ERROR(Sustain(*contender));
    }
    return absl::OkStatus();
  }

 private:
  RowInfo RowOf(const std::string& id, const std::string& title) const {
    return {
        .id = absl::StrCat(scene_.id, "/", id), .title = title, .peers_of = {}};
  }

  absl::StatusOr<std::unique_ptr<Engine>> Create(const Contender& contender) {
    std::error_code ignored;  // an error shows when it is created
    fs::remove_all(stores_.DirectoryOf(kFolder), ignored);
    EngineOptions options = stores_.OptionsFor(kFolder);
    options.data_bytes = keys_.data_bytes();
    return contender.create(options);
  }

  void MeasureDevice();
  absl::Status Measure(const Contender& contender, const Fill& fill);
  absl::Status Sustain(const Contender& contender);

  const Scene& scene_;
  const CompareOptions& options_;
  Stores& stores_;
  const KeySpace keys_;
  Results* const results_;
};

// Entries for one call after the other.
class EntryMaker {
 public:
  EntryMaker(const KeySpace& keys, uint64_t batch)
      : keys_(keys), buffers_(batch), texts_(batch) {}

  void Clear() { entries_.clear(); }
  void Add(uint64_t number) {
    const size_t i = entries_.size();
    keys_.FillValue(number, &texts_[i]);
    entries_.push_back({buffers_[i].Set(number), texts_[i]});
  }
  bool full() const { return entries_.size() == buffers_.size(); }
  std::span<const Entry> entries() const { return entries_; }

 private:
  const KeySpace& keys_;
  std::vector<KeyBuffer> buffers_;
  std::vector<std::string> texts_;
  std::vector<Entry> entries_;
};

absl::Status WriteScene::Measure(const Contender& contender, const Fill& fill) {
  const uint64_t count = std::min(keys_.num() / fill.part, fill.at_most);
  const Permutation order = keys_.LoadOrder();
  EntryMaker maker(keys_, fill.batch);
  Stopwatch watch;
  watch.Start();
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine, Create(contender));
  watch.Stop();
  for (uint64_t done = 0; done < count;) {
    for (maker.Clear(); !maker.full() && done < count; ++done) {
      maker.Add(fill.order == Order::kRandom ? order(done) : done);
    }
    watch.Start();
    QUIRE_RETURN_IF_ERROR(fill.synced ? engine->WriteSynced(maker.entries())
                                      : engine->Write(maker.entries()));
    watch.Stop();
  }
  if (!fill.synced) {
    watch.Start();
    QUIRE_RETURN_IF_ERROR(engine->Finish());
    engine.reset();
    watch.Stop();
  }
  results_->Add(RowOf(fill.id, fill.title), contender.folder,
                contender.is_peer ? Side::kPeer : Side::kQuire,
                watch.seconds() * 1e9 / static_cast<double>(count));
  return absl::OkStatus();
}

void WriteScene::MeasureDevice() {
  absl::StatusOr<FioFile> file =
      FioFile::Create(stores_.DirectoryOf("."), kFioBytes);
  absl::StatusOr<FioResult> result =
      file.ok() ? file->SyncedWrites(options_.read_seconds) : file.status();
  if (!result.ok()) {
    results_->Note(absl::StrCat(scene_.id, ": without the device's limit: ",
                                result.status().message()));
    return;
  }
  results_->Add(RowOf("fillsync", kFills.back().title), kDeviceName,
                Side::kLimit, 1e9 / result->ios_per_second);
}

// Writes random entries over as fast as it goes. The longest call tells of
// stalls.
absl::Status WriteScene::Sustain(const Contender& contender) {
  Say(absl::StrCat(scene_.id, ", sustained, ", contender.folder));
  QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine,
                         Create(contender));
  EntryMaker maker(keys_, kSustainedBatch);
  Random random = keys_.ReadRandom(0);
  double longest = 0;
  double sum = 0;
  uint64_t count = 0;
  Stopwatch whole;
  whole.Start();
  while (whole.seconds() < options_.sustained_seconds) {
    for (maker.Clear(); !maker.full();) maker.Add(random.Uniform(keys_.num()));
    Stopwatch call;
    call.Start();
    QUIRE_RETURN_IF_ERROR(engine->Write(maker.entries()));
    call.Stop();
    longest = std::max(longest, call.seconds());
    sum += call.seconds();
    count += kSustainedBatch;
    whole.Stop();
    whole.Start();
  }
  results_->Add(RowOf("sustained", absl::StrCat("overwriting for ",
                                                options_.sustained_seconds,
                                                " s, batches of 100, ns/key")),
                contender.folder, Side::kQuire,
                sum * 1e9 / static_cast<double>(count));
  results_->Add(RowOf("longest-call", "the longest call of it, ms"),
                contender.folder, Side::kQuire, longest * 1e3);
  return absl::OkStatus();
}

}  // namespace

absl::Status RunWriteScene(const Scene& scene, const CompareOptions& options,
                           std::span<const Contender> contenders,
                           Stores& stores, Results* results) {
  return WriteScene(scene, options, stores, results).Run(contenders);
}

}  // namespace quire::benchmarks
