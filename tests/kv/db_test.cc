// The database through its public interface, in each read mode.

#include "kv/db.h"

#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

using ::quire::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class DbTest : public ::testing::TestWithParam<ReadMode> {
 protected:
  DbTest() {
    options_.create_if_missing = true;
    options_.provider.read_mode = GetParam();
    options_.provider.cache_bytes = 8 << 20;
  }

  void Open() {
    auto db = DB::Open(options_, Path());
    ASSERT_OK(db.status());
    db_ = *std::move(db);
  }
  void Reopen() {
    if (db_ != nullptr) {
      ASSERT_OK(db_->Close());
    }
    db_.reset();
    Open();
  }
  std::string Path() const { return dir_.File("db"); }

  absl::Status Put(std::string_view key, std::string_view value) {
    return db_->Put({}, key, value);
  }
  // The value, or the status in words.
  std::string Get(std::string_view key, const Snapshot* snapshot = nullptr) {
    ReadOptions options;
    options.snapshot = snapshot;
    std::string value;
    const absl::Status status = db_->Get(options, key, &value);
    PinnedValue pinned;
    const absl::Status pinned_status = db_->Get(options, key, &pinned);
    EXPECT_EQ(status.code(), pinned_status.code());
    if (status.ok()) {
      EXPECT_EQ(value, pinned.value());
    }
    if (status.ok()) return value;
    return absl::IsNotFound(status) ? "NOT_FOUND" : status.ToString();
  }
  std::vector<std::pair<std::string, std::string>> Dump(
      const ReadOptions& options = {}) {
    std::vector<std::pair<std::string, std::string>> entries;
    auto it = db_->NewIterator(options);
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      auto value = it->value();
      EXPECT_OK(value.status());
      entries.emplace_back(it->key(), value.ok() ? *value : "");
    }
    EXPECT_OK(it->status());
    return entries;
  }

  testing::TempDirectory dir_;
  Options options_;
  std::unique_ptr<DB> db_;
};

TEST_P(DbTest, EmptyDatabaseHasNothing) {
  Open();
  EXPECT_EQ(Get("a"), "NOT_FOUND");
  EXPECT_THAT(Dump(), ElementsAre());
  Reopen();
  EXPECT_EQ(Get("a"), "NOT_FOUND");
}

TEST_P(DbTest, WritesAreReadBackFromMemtableAndFromRun) {
  Open();
  ASSERT_OK(Put("a", "1"));
  ASSERT_OK(Put("", "empty key"));
  ASSERT_OK(Put("empty value", ""));
  ASSERT_OK(Put(std::string("\0\xff", 2), std::string("\0", 1)));
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(Get("a"), "1");
    EXPECT_EQ(Get(""), "empty key");
    EXPECT_EQ(Get("empty value"), "");
    EXPECT_EQ(Get(std::string("\0\xff", 2)), std::string("\0", 1));
    EXPECT_EQ(Get("b"), "NOT_FOUND");
    if (round == 0) {
      ASSERT_OK(db_->FlushMemtables());
    }
    if (round == 1) Reopen();
  }
  EXPECT_EQ(db_->GetStats().runs, 1u);
}

TEST_P(DbTest, NewerVersionsAndDeletesHideOlderOnesAcrossRuns) {
  Open();
  ASSERT_OK(Put("a", "1"));
  ASSERT_OK(Put("b", "1"));
  ASSERT_OK(db_->FlushMemtables());
  ASSERT_OK(Put("a", "2"));
  ASSERT_OK(db_->Delete({}, "b"));
  EXPECT_EQ(Get("a"), "2");
  EXPECT_EQ(Get("b"), "NOT_FOUND");
  ASSERT_OK(db_->FlushMemtables());
  EXPECT_EQ(Get("a"), "2");
  EXPECT_EQ(Get("b"), "NOT_FOUND");
  EXPECT_THAT(Dump(), ElementsAre(Pair("a", "2")));
  Reopen();
  EXPECT_EQ(Get("a"), "2");
  EXPECT_EQ(Get("b"), "NOT_FOUND");
}

TEST_P(DbTest, SnapshotSurvivesOverwritesAndFlushes) {
  Open();
  ASSERT_OK(Put("a", "1"));
  auto first = db_->GetSnapshot();
  ASSERT_OK(Put("a", "2"));
  auto second = db_->GetSnapshot();
  ASSERT_OK(db_->Delete({}, "a"));
  ASSERT_OK(Put("b", "1"));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Get("a", first.get()), "1");
    EXPECT_EQ(Get("a", second.get()), "2");
    EXPECT_EQ(Get("a"), "NOT_FOUND");
    EXPECT_EQ(Get("b", second.get()), "NOT_FOUND");
    ReadOptions options;
    options.snapshot = first.get();
    EXPECT_THAT(Dump(options), ElementsAre(Pair("a", "1")));
    ASSERT_OK(db_->FlushMemtables());
  }
}

TEST_P(DbTest, BatchTakesEffectInOrder) {
  Open();
  WriteBatch batch;
  batch.Put("a", "1");
  batch.Put("a", "2");
  batch.Put("b", "1");
  batch.Delete("b");
  ASSERT_OK(db_->Write({.sync = true}, batch));
  EXPECT_THAT(Dump(), ElementsAre(Pair("a", "2")));
}

TEST_P(DbTest, MultiGetKeepsOrderDuplicatesAndStatuses) {
  Open();
  for (int i = 0; i < 200; ++i) {
    ASSERT_OK(Put("key" + std::to_string(i),
                  std::string(static_cast<size_t>(i) * 40, 'v')));
    if (i == 60 || i == 120) {
      ASSERT_OK(db_->FlushMemtables());
    }
  }
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) names.push_back("key" + std::to_string(i));
  names.push_back("key7");
  const std::vector<std::string_view> keys(names.begin(), names.end());
  std::vector<PinnedValue> values(keys.size());
  std::vector<absl::Status> statuses(keys.size());
  db_->MultiGet({}, keys, values, statuses);
  for (size_t i = 0; i < 300; ++i) {
    if (i < 200) {
      EXPECT_OK(statuses[i]);
      EXPECT_EQ(values[i].value(), std::string(i * 40, 'v'));
    } else {
      EXPECT_THAT(statuses[i], StatusIs(absl::StatusCode::kNotFound));
    }
  }
  EXPECT_EQ(values[300].value(), std::string(280, 'v'));
}

TEST_P(DbTest, CloseRefusesWhileSomethingIsOutstanding) {
  Open();
  ASSERT_OK(Put("a", std::string(100000, 'x')));
  ASSERT_OK(db_->FlushMemtables());
  auto snapshot = db_->GetSnapshot();
  auto iterator = db_->NewIterator({});
  PinnedValue pinned;
  ASSERT_OK(db_->Get({}, "a", &pinned));
  EXPECT_THAT(db_->Close(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("1 pinned values, 1 iterators, 1 snapshots")));
  EXPECT_EQ(Get("a").size(), 100000u);
  snapshot.reset();
  iterator.reset();
  pinned.Reset();
  EXPECT_OK(db_->Close());
  EXPECT_THAT(db_->Put({}, "a", "b"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(DbTest, LimitsAreErrorsThatNameTheSize) {
  Open();
  EXPECT_OK(Put(std::string(kMaxKeyBytes, 'k'), "v"));
  EXPECT_THAT(Put(std::string(kMaxKeyBytes + 1, 'k'), "v"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("65536")));
  EXPECT_EQ(Get(std::string(kMaxKeyBytes, 'k')), "v");
  EXPECT_EQ(Get(std::string(kMaxKeyBytes + 1, 'k')), "NOT_FOUND");
  ASSERT_OK(db_->FlushMemtables());
  EXPECT_EQ(Get(std::string(kMaxKeyBytes, 'k')), "v");
}

// Random operations against a model, with small memtables so that all parts of
// the store take part, and reopening in between.
TEST_P(DbTest, RandomOperationsMatchModel) {
  options_.memtable_bytes = 256 << 10;
  Open();
  std::mt19937_64 random(testing::TestSeed());
  std::map<std::string, std::string> model;
  const auto key = [&] { return "k" + std::to_string(random() % 2000); };
  for (int step = 0; step < 6000; ++step) {
    switch (random() % 10) {
      case 0: {
        const std::string k = key();
        ASSERT_OK(db_->Delete({}, k));
        model.erase(k);
        break;
      }
      case 1: {
        const std::string k = key();
        ASSERT_EQ(Get(k), model.contains(k) ? model[k] : "NOT_FOUND");
        break;
      }
      default: {
        const std::string k = key();
        const std::string v(
            random() % 100 == 0 ? random() % 200000 : random() % 600,
            static_cast<char>('a' + random() % 26));
        ASSERT_OK(Put(k, v));
        model[k] = v;
      }
    }
    if (random() % 1500 == 0) Reopen();
  }
  const std::vector<std::pair<std::string, std::string>> expected(model.begin(),
                                                                  model.end());
  EXPECT_EQ(Dump(), expected);
  Reopen();
  EXPECT_EQ(Dump(), expected);
}

INSTANTIATE_TEST_SUITE_P(AllModes, DbTest,
                         ::testing::Values(ReadMode::kPread,
                                           ReadMode::kBuffered, ReadMode::kMmap,
                                           ReadMode::kDirect),
                         [](const auto& info) {
                           return io::ReadModeName(info.param);
                         });

}  // namespace
}  // namespace quire
