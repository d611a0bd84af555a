#include "benchmarks/compare/hot_scene.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "benchmarks/compare/memory_floor.h"
#include "benchmarks/compare/quire_engine.h"
#include "benchmarks/compare/read_loops.h"
#include "benchmarks/compare/thread_scaling.h"

namespace quire::benchmarks {
namespace {

constexpr size_t kMultiGetKeys = 32;
constexpr double kThreadShare = 0.4;  // of the time of the other loops
constexpr uint64_t kMemtableBytes = uint64_t{60} << 20;
constexpr char kFloorName[] = "memory floor";

// What a state is read for.
enum Reads : uint8_t { kNone = 0, kPoints = 1, kScans = 2, kThreads = 4 };

// How a database of Quire may be when it is read. Peers are read as settled as
// they can be: the numbers to beat are the same in every state.
struct State {
  const char* id;     // of its rows, with a '/' behind
  const char* title;  // what the row's title has behind it
  const char* folder;
  const char* copy_of;  // the folder that it is a copy of; nullptr: loaded
  Stores::Then load;
  bool has_memtable;  // full, in front of the runs
  uint8_t reads;
  bool memory_modes_only;  // direct and mmap, of which more is asked
};

constexpr std::array kStates = {
    State{"", "", "quire", nullptr, Stores::Then::kSettle, false,
          kPoints | kScans | kThreads, false},
    State{"memtable/", ", one run + full memtable", "quire-memtable", "quire",
          Stores::Then::kSettle, true, kPoints, true},
    State{"four-runs/", ", four runs", "quire-runs", nullptr,
          Stores::Then::kFourRuns, false, kPoints, true},
    State{"four-runs-memtable/", ", four runs + full memtable", "quire-runs",
          nullptr, Stores::Then::kFourRuns, true, kPoints, true},
    State{"loaded/", ", as loaded in random order", "quire-loaded", nullptr,
          Stores::Then::kFinish, false, kScans, false},
};

bool ReadsMemory(const Contender& contender) {
  return std::strcmp(contender.name, "quire direct") == 0 ||
         std::strcmp(contender.name, "quire mmap") == 0;
}

// A contender that is open, in one state. The reader dies first.
struct Session {
  const Contender* contender;
  const State* state;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Reader> reader;
};

class HotScene {
 public:
  HotScene(const Scene& scene, const CompareOptions& options, Stores& stores,
           Results* results)
      : scene_(scene),
        options_(options),
        stores_(stores),
        keys_(stores.keys()),
        results_(results) {}

  absl::Status Run(std::span<const Contender> contenders) {
    all_ = keys_.SumsOfAll();
    const absl::Status status = RunAll(contenders);
    sessions_.clear();
    writers_.clear();
    // What comes next doesn't need them.
    for (const State& state : kStates) {
      if (&state != &kStates[0]) stores_.Remove(state.folder);
    }
    return status;
  }

 private:
  absl::Status RunAll(std::span<const Contender> contenders) {
    QUIRE_RETURN_IF_ERROR(Load(contenders));
    for (const State& state : kStates) {
      if (&state != &kStates[0] && !scene_.in_full) continue;
      QUIRE_RETURN_IF_ERROR(OpenAll(state, contenders));
    }
    QUIRE_ASSIGN_OR_RETURN(
        const MemoryFloor floor,
        MemoryFloor::Create(keys_.data_bytes(), keys_.seed()));
    for (uint64_t round = 0; round < options_.rounds; ++round) {
      Say(absl::StrCat(scene_.id, ", round ", round + 1, " of ",
                       options_.rounds));
      MeasureFloor(floor, round);
      for (size_t i = 0; i < sessions_.size(); ++i) {
        Session& session = sessions_[(i + round) % sessions_.size()];
        const absl::Status status = Measure(session, round);
        if (status.ok()) continue;
        return absl::Status(
            status.code(),
            absl::StrCat(session.contender->name, ": ", status.message()));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Load(std::span<const Contender> contenders);
  absl::Status OpenAll(const State& state,
                       std::span<const Contender> contenders);
  absl::Status FillMemtable(const State& state);
  absl::Status Measure(Session& session, uint64_t round);
  absl::Status MeasurePoints(Session& session, uint64_t round);
  absl::Status MeasureScans(Session& session);
  absl::Status MeasureThreads(Session& session, uint64_t round);
  void MeasureFloor(const MemoryFloor& floor, uint64_t round);

  // Rows of states other than the first have the peers' numbers of that one.
  RowInfo RowOf(const State& state, const std::string& id,
                const std::string& title) const {
    RowInfo row = {.id = absl::StrCat(scene_.id, "/", state.id, id),
                   .title = absl::StrCat(title, state.title),
                   .peers_of = {}};
    if (state.id[0] != '\0') row.peers_of = absl::StrCat(scene_.id, "/", id);
    return row;
  }

  void Add(const Session& session, const RowInfo& row, double sample) {
    results_->Add(row, session.contender->name,
                  session.contender->is_peer ? Side::kPeer : Side::kQuire,
                  sample);
  }

  const Scene& scene_;
  const CompareOptions& options_;
  Stores& stores_;
  const KeySpace& keys_;
  Results* const results_;
  ScanSums all_;
  // Die after the sessions, which read what they wrote.
  std::vector<std::unique_ptr<QuireEngine>> writers_;
  std::vector<Session> sessions_;
};

absl::Status HotScene::Load(std::span<const Contender> contenders) {
  const RowInfo row = {
      .id = absl::StrCat(scene_.id, "/load"),
      .title = "load, random, batches of 100, merges incl., ns/key (once)",
      .peers_of = {}};
  for (const Contender& contender : contenders) {
    QUIRE_ASSIGN_OR_RETURN(const double seconds,
                           stores_.Load(contender.folder, contender.create,
                                        Stores::Then::kSettle));
    results_->Add(row, contender.name,
                  contender.is_peer ? Side::kPeer : Side::kQuire,
                  seconds * 1e9 / static_cast<double>(keys_.num()));
  }
  return absl::OkStatus();
}

absl::Status HotScene::OpenAll(const State& state,
                               std::span<const Contender> contenders) {
  const bool first = &state == &kStates[0];
  bool prepared = first;
  for (const Contender& contender : contenders) {
    if (contender.cold_only || (!first && contender.is_peer)) continue;
    if (state.memory_modes_only && !ReadsMemory(contender)) continue;
    if (!prepared) {
      // What the hot scene writes isn't in the database that others read.
      QUIRE_RETURN_IF_ERROR(
          state.copy_of != nullptr
              ? stores_.Copy(state.copy_of, state.folder)
              : stores_.Load(state.folder, contender.create, state.load)
                    .status());
      if (state.has_memtable) QUIRE_RETURN_IF_ERROR(FillMemtable(state));
      prepared = true;
    }
    Say(absl::StrCat(scene_.id, ", read once: ", contender.name, state.title));
    Session session = {&contender, &state, nullptr, nullptr};
    QUIRE_ASSIGN_OR_RETURN(
        session.engine,
        stores_.Open(first ? contender.folder : state.folder, contender.open));
    QUIRE_ASSIGN_OR_RETURN(session.reader, session.engine->NewReader());
    QUIRE_RETURN_IF_ERROR(ReadAll(*session.reader, keys_));
    sessions_.push_back(std::move(session));
  }
  return absl::OkStatus();
}

// Writes random entries over, as they are, until a memtable of the usual size
// is nearly full, or there are as many bytes as in the data; they stay there,
// since the writer's memtable is larger.
absl::Status HotScene::FillMemtable(const State& state) {
  const uint64_t full = std::min(kMemtableBytes, keys_.data_bytes());
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<QuireEngine> writer,
                         OpenQuireUnmerged(stores_.OptionsFor(state.folder)));
  Random random = keys_.ReadRandom(UINT64_MAX);
  KeyBuffer key;
  std::string value;
  while (writer->db().GetStats().memtable_bytes < full) {
    for (int i = 0; i < 1000; ++i) {
      const uint64_t number = random.Uniform(keys_.num());
      keys_.FillValue(number, &value);
      const Entry entry = {key.Set(number), value};
      QUIRE_RETURN_IF_ERROR(writer->Write({&entry, 1}));
    }
  }
  writers_.push_back(std::move(writer));
  return absl::OkStatus();
}

void HotScene::MeasureFloor(const MemoryFloor& floor, uint64_t round) {
  const double seconds = options_.read_seconds * kThreadShare;
  const double alone = floor.TwoTouchesNs(seconds, round);
  results_->Add(RowOf(kStates[0], "get", "Get, ns"), kFloorName, Side::kLimit,
                alone);
  if (!scene_.in_full) return;
  const double together = SumOverThreads(2, [&](size_t thread) {
    return 1 / floor.TwoTouchesNs(seconds, round + 1000 * (thread + 1));
  });
  RowInfo scaling =
      RowOf(kStates[0], "scaling/uniform", "two threads : one, Get, uniform");
  scaling.more_is_better = true;
  scaling.decimals = 2;
  results_->Add(scaling, kFloorName, Side::kLimit, together * alone);
}

absl::Status HotScene::Measure(Session& session, uint64_t round) {
  // This contender has waited for all others, and a kernel may take pages back
  // that nobody has used for a minute (DAMON).
  const LoopPlan once = {
      .reader = *session.reader, .keys = keys_, .seconds = 0};
  QUIRE_RETURN_IF_ERROR(TimeScan(once, ScanOrder::kForward, all_).status());
  const uint8_t reads = session.state->reads;
  if ((reads & kPoints) != 0) {
    QUIRE_RETURN_IF_ERROR(MeasurePoints(session, round));
  }
  if (!scene_.in_full) return absl::OkStatus();
  if ((reads & kScans) != 0) QUIRE_RETURN_IF_ERROR(MeasureScans(session));
  if ((reads & kThreads) != 0) {
    QUIRE_RETURN_IF_ERROR(MeasureThreads(session, round));
  }
  return absl::OkStatus();
}

absl::Status HotScene::MeasurePoints(Session& session, uint64_t round) {
  const LoopPlan plan = {.reader = *session.reader,
                         .keys = keys_,
                         .seconds = options_.read_seconds};
  Random random = keys_.ReadRandom(round);
  const auto next = [&] { return random.Uniform(keys_.num()); };
  QUIRE_ASSIGN_OR_RETURN(LoopTime time, TimeGets(plan, GetKind::kPlain, next));
  Add(session, RowOf(*session.state, "get", "Get, ns"), time.ns_per_key());
  QUIRE_ASSIGN_OR_RETURN(time, TimeGets(plan, GetKind::kAbsent, next));
  Add(session, RowOf(*session.state, "absent", "Get of an absent key, ns"),
      time.ns_per_key());
  QUIRE_ASSIGN_OR_RETURN(time, TimeMultiGets(plan, kMultiGetKeys, next));
  Add(session, RowOf(*session.state, "multiget", "MultiGet(32), ns/key"),
      time.ns_per_key());
  return absl::OkStatus();
}

absl::Status HotScene::MeasureScans(Session& session) {
  const LoopPlan plan = {
      .reader = *session.reader, .keys = keys_, .seconds = 0};
  RowInfo row = RowOf(*session.state, "scan-forward", "scan forward, ns/entry");
  row.decimals = 1;
  QUIRE_ASSIGN_OR_RETURN(LoopTime time,
                         TimeScan(plan, ScanOrder::kForward, all_));
  Add(session, row, time.ns_per_key());
  row = RowOf(*session.state, "scan-reverse", "scan in reverse, ns/entry");
  row.decimals = 1;
  QUIRE_ASSIGN_OR_RETURN(time, TimeScan(plan, ScanOrder::kReverse, all_));
  Add(session, row, time.ns_per_key());
  return absl::OkStatus();
}

absl::Status HotScene::MeasureThreads(Session& session, uint64_t round) {
  struct Pattern {
    KeyPattern pattern;
    GetKind kind;
    const char* id;
    const char* title;
    bool peers_too;
  };
  constexpr std::array kPatterns = {
      Pattern{KeyPattern::kUniform, GetKind::kPlain, "uniform", "uniform",
              true},
      Pattern{KeyPattern::kUniform, GetKind::kCopy, "uniform-copy",
              "uniform, into a string", false},
      Pattern{KeyPattern::kOnePage, GetKind::kPlain, "page", "one page", false},
      Pattern{KeyPattern::kOnePage, GetKind::kCopy, "page-copy",
              "one page, into a string", false},
      Pattern{KeyPattern::kOneKey, GetKind::kPlain, "key", "one key", false},
      Pattern{KeyPattern::kOneKey, GetKind::kCopy, "key-copy",
              "one key, into a string", false},
  };
  const double seconds = options_.read_seconds * kThreadShare;
  for (const Pattern& pattern : kPatterns) {
    if (session.contender->is_peer && !pattern.peers_too) continue;
    std::array<double, 2> rates = {};
    for (size_t threads = 1; threads <= rates.size(); ++threads) {
      QUIRE_ASSIGN_OR_RETURN(
          rates[threads - 1],
          ReadsPerSecond(*session.engine, keys_, threads, pattern.kind,
                         pattern.pattern, seconds, round));
    }
    RowInfo row =
        RowOf(*session.state, absl::StrCat("scaling/", pattern.id),
              absl::StrCat("two threads : one, Get, ", pattern.title));
    row.more_is_better = true;
    row.decimals = 2;
    Add(session, row, rates[1] / rates[0]);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunHotScene(const Scene& scene, const CompareOptions& options,
                         std::span<const Contender> contenders, Stores& stores,
                         Results* results) {
  return HotScene(scene, options, stores, results).Run(contenders);
}

}  // namespace quire::benchmarks
