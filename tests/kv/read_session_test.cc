// Read sessions in all read modes: right answers, errors, and what outlives
// what.

#include "kv/read_session.h"

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/db.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;
using ::testing::HasSubstr;

std::string Key(uint64_t i) { return "key" + std::to_string(i); }

// What a session said of a key: its value, nothing for an absent one.
using Answers = std::map<uint64_t, absl::StatusOr<std::optional<std::string>>>;

class ReadSessionTest : public ::testing::TestWithParam<ReadMode> {
 protected:
  ReadSessionTest() {
    options_.create_if_missing = true;
    options_.provider.read_mode = GetParam();
    options_.provider.cache_bytes = 1 << 20;
  }

  void Open() {
    auto db = DB::Open(options_, Path());
    ASSERT_OK(db.status());
    db_ = *std::move(db);
  }
  void Reopen() {
    ASSERT_OK(db_->Close());
    db_.reset();
    Open();
  }
  std::string Path() const { return directory_.File("db"); }

  // Values of all sizes, some deleted, over three runs and a memtable.
  void Load() {
    std::mt19937_64 random(TestSeed());
    for (int part = 0; part < 4; ++part) {
      for (uint64_t i = 0; i < 1500; ++i) {
        const uint64_t number = random() % 4000;
        if (random() % 8 == 0) {
          ASSERT_OK(db_->Delete({}, Key(number)));
          model_.erase(number);
          continue;
        }
        static constexpr std::array<size_t, 6> kSizes = {0,   30,   300,
                                                         700, 5000, 20'000};
        const size_t size = i == 7 ? 300'000 : kSizes[random() % kSizes.size()];
        std::string value(size, static_cast<char>('a' + random() % 26));
        value += std::to_string(number);
        ASSERT_OK(db_->Put({}, Key(number), value));
        model_[number] = value;
      }
      if (part < 3) {
        ASSERT_OK(db_->FlushMemtables());
      }
    }
  }

  std::unique_ptr<ReadSession> NewSession(ReadSessionOptions options = {}) {
    auto session = ReadSession::Open(*db_, options);
    EXPECT_OK(session.status());
    return session.ok() ? *std::move(session) : nullptr;
  }

  static void Submit(ReadSession& session,
                     const std::vector<uint64_t>& numbers) {
    std::vector<std::string> texts;
    std::vector<std::string_view> keys;
    for (const uint64_t number : numbers) texts.push_back(Key(number));
    for (const std::string& text : texts) keys.push_back(text);
    session.Submit(keys, numbers);
  }

  // Polls all that is outstanding.
  static void Drain(ReadSession& session, size_t least, Answers* answers) {
    std::array<ReadSession::Completion, 9> done;
    while (session.outstanding() > 0) {
      const size_t before = session.outstanding();
      const size_t count = session.Poll(least, done);
      EXPECT_EQ(session.outstanding(), before - count);
      EXPECT_GE(count, std::min({least, before, done.size()}));
      for (size_t i = 0; i < count; ++i) {
        std::optional<std::string> value;
        if (done[i].status.ok()) value = done[i].value.value();
        if (done[i].status.ok() || absl::IsNotFound(done[i].status)) {
          (*answers).insert_or_assign(done[i].tag, std::move(value));
        } else {
          (*answers).insert_or_assign(done[i].tag, done[i].status);
        }
      }
    }
  }

  std::optional<std::string> Expected(uint64_t number) const {
    const auto found = model_.find(number);
    if (found == model_.end()) return std::nullopt;
    return found->second;
  }

  void ExpectAllRight(const Answers& answers) const {
    for (const auto& [number, answer] : answers) {
      ASSERT_OK(answer.status()) << Key(number);
      ASSERT_TRUE(*answer == Expected(number)) << Key(number);
    }
  }

  const testing::TempDirectory directory_;
  Options options_;
  std::unique_ptr<DB> db_;
  std::map<uint64_t, std::string> model_;
};

TEST_P(ReadSessionTest, GivesEveryKeyItsValueFromColdAndFromMemory) {
  for (const uint64_t index_bytes : {uint64_t{0}, UINT64_MAX}) {
    SCOPED_TRACE(index_bytes);
    std::filesystem::remove_all(Path());
    model_.clear();
    options_.index_memory_bytes = index_bytes;
    ASSERT_NO_FATAL_FAILURE(Open());
    ASSERT_NO_FATAL_FAILURE(Load());
    std::mt19937_64 random(TestSeed());
    for (const uint32_t depth : {1, 16, 64}) {
      ASSERT_NO_FATAL_FAILURE(Reopen());
      const std::unique_ptr<ReadSession> session =
          NewSession({.read = {}, .depth = depth});
      for (int round = 0; round < 3; ++round) {
        Answers answers;
        std::vector<uint64_t> numbers;
        for (int i = 0; i < 700; ++i) numbers.push_back(random() % 4400);
        numbers.push_back(numbers.front());  // one key twice
        Submit(*session, numbers);
        EXPECT_EQ(session->outstanding(), numbers.size());
        Drain(*session, random() % 12, &answers);
        for (const uint64_t number : numbers)
          EXPECT_TRUE(answers.contains(number));
        ExpectAllRight(answers);
      }
    }
    // Of the last open: three rounds.
    EXPECT_EQ(db_->GetStats().multiget_keys, 3u * 701);
    ASSERT_OK(db_->Close());
  }
}

TEST_P(ReadSessionTest, ReadsTheNewestStateAtSubmitOrTheSnapshots) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_OK(db_->Put({}, Key(1), std::string(600, 'a')));
  ASSERT_OK(db_->FlushMemtables());
  ASSERT_NO_FATAL_FAILURE(Reopen());
  const std::unique_ptr<const Snapshot> snapshot = db_->GetSnapshot();
  ReadSessionOptions at_snapshot;
  at_snapshot.read.snapshot = snapshot.get();
  const std::unique_ptr<ReadSession> old = NewSession(at_snapshot);
  const std::unique_ptr<ReadSession> current = NewSession();
  Submit(*current, {1});  // not polled before the next Put
  ASSERT_OK(db_->Put({}, Key(1), std::string(600, 'b')));
  ASSERT_OK(db_->FlushMemtables());
  Answers answers;
  Drain(*current, 1, &answers);
  EXPECT_EQ(*answers.at(1), std::string(600, 'a'));
  Submit(*current, {1});
  Drain(*current, 1, &answers);
  EXPECT_EQ(*answers.at(1), std::string(600, 'b'));
  Submit(*old, {1});
  Drain(*old, 1, &answers);
  EXPECT_EQ(*answers.at(1), std::string(600, 'a'));
}

TEST_P(ReadSessionTest, OutstandingKeysSurviveMergesOfTheirFiles) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(Load());
  ASSERT_NO_FATAL_FAILURE(Reopen());
  const std::unique_ptr<ReadSession> session = NewSession();
  std::vector<uint64_t> numbers;
  for (uint64_t i = 0; i < 500; ++i) numbers.push_back(i * 8);
  Submit(*session, numbers);
  ASSERT_OK(db_->CompactRange({}));
  Answers answers;
  Drain(*session, 3, &answers);
  EXPECT_EQ(answers.size(), 500u);
  ExpectAllRight(answers);
}

TEST_P(ReadSessionTest, CloseNamesSessionsAndValuesOutliveThem) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_OK(db_->Put({}, Key(1), std::string(3000, 'v')));
  ASSERT_OK(db_->FlushMemtables());
  ASSERT_NO_FATAL_FAILURE(Reopen());
  std::unique_ptr<ReadSession> session = NewSession();
  EXPECT_THAT(db_->Close(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                     HasSubstr("1 read sessions")));
  EXPECT_THAT(*db_->GetProperty("quire.outstanding"),
              HasSubstr("1 read sessions"));
  Submit(*session, {1});
  std::array<ReadSession::Completion, 1> done;
  ASSERT_EQ(session->Poll(1, done), 1u);
  session.reset();
  ASSERT_OK(done[0].status);
  EXPECT_EQ(done[0].value.value(), std::string(3000, 'v'));
  done[0].value.Reset();
  ASSERT_OK(db_->Close());
}

TEST_P(ReadSessionTest, MayGoWithKeysOutstanding) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(Load());
  ASSERT_NO_FATAL_FAILURE(Reopen());
  for (int round = 0; round < 10; ++round) {
    const std::unique_ptr<ReadSession> session = NewSession();
    std::vector<uint64_t> numbers;
    for (uint64_t i = 0; i < 300; ++i) numbers.push_back(i * 13 + round);
    Submit(*session, numbers);
    std::array<ReadSession::Completion, 4> done;
    if (round % 2 == 0) session->Poll(round % 3, done);
  }
  ASSERT_OK(db_->Close());
}

TEST_P(ReadSessionTest, DepthsOutOfRangeAndClosedDatabasesAreRefused) {
  ASSERT_NO_FATAL_FAILURE(Open());
  for (const uint32_t depth : {0, 4097}) {
    EXPECT_THAT(ReadSession::Open(*db_, {.read = {}, .depth = depth}).status(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(std::to_string(depth))));
  }
  std::array<ReadSession::Completion, 1> done;
  EXPECT_EQ(NewSession()->Poll(1, done), 0u);  // nothing to wait for
  ASSERT_OK(db_->Close());
  EXPECT_THAT(ReadSession::Open(*db_, {}).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(ReadSessionTest, DamageIsAnErrorForItsKeysAlone) {
  ASSERT_NO_FATAL_FAILURE(Open());
  for (uint64_t i = 0; i < 2000; ++i) {
    model_[i] = std::string(300, static_cast<char>('a' + i % 26));
    ASSERT_OK(db_->Put({}, Key(i), model_[i]));
  }
  ASSERT_OK(db_->Close());
  db_.reset();
  std::string segment;
  for (const auto& entry : std::filesystem::directory_iterator(Path())) {
    if (entry.path().extension() == ".seg") segment = entry.path();
  }
  {
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(200'000);
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(200'000);
    file.put(byte);
  }
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::unique_ptr<ReadSession> session = NewSession();
  std::vector<uint64_t> numbers;
  for (uint64_t i = 0; i < 2000; ++i) numbers.push_back(i);
  Submit(*session, numbers);
  Answers answers;
  Drain(*session, 1, &answers);
  ASSERT_EQ(answers.size(), 2000u);
  size_t damaged = 0;
  for (const auto& [number, answer] : answers) {
    if (answer.ok()) {
      EXPECT_TRUE(*answer == Expected(number));
      continue;
    }
    ++damaged;
    EXPECT_THAT(answer.status(),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(segment)));
  }
  EXPECT_EQ(damaged, 1u);
  EXPECT_EQ(db_->GetStats().checksum_failures, 1u);
}

TEST_P(ReadSessionTest, ThreadsReadBesideAWriter) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(Load());
  ASSERT_NO_FATAL_FAILURE(Reopen());
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(TestSeed() + t);
      const std::unique_ptr<ReadSession> session =
          NewSession({.read = {}, .depth = 8});
      for (int i = 0; i < 20; ++i) {
        std::vector<uint64_t> numbers;
        for (int k = 0; k < 50; ++k) numbers.push_back(random() % 4000);
        Submit(*session, numbers);
        Answers answers;
        Drain(*session, 4, &answers);
        ExpectAllRight(answers);
      }
    });
  }
  for (uint64_t i = 0; i < 300; ++i) {
    EXPECT_OK(db_->Put({}, Key(1'000'000 + i), std::string(2000, 'w')));
    if (i % 100 == 50) {
      EXPECT_OK(db_->FlushMemtables());
    }
  }
  EXPECT_OK(db_->CompactRange({}));
  for (std::thread& thread : threads) thread.join();
}

INSTANTIATE_TEST_SUITE_P(Modes, ReadSessionTest,
                         ::testing::Values(ReadMode::kPread,
                                           ReadMode::kBuffered, ReadMode::kMmap,
                                           ReadMode::kDirect),
                         [](const auto& instance) {
                           return io::ReadModeName(instance.param);
                         });

}  // namespace
}  // namespace quire
