// Readers beside the writer of a memtable.

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "gtest/gtest.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/format.h"
#include "kv/internal/memory_record.h"
#include "tests/kv/test_memtable.h"
#include "tests/testing/seed.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::TestSeed;

constexpr int kReaders = 3;

// What will be written: known beforehand, so that readers know what to expect
// at any sequence number. Record i has the sequence number i, from 1 on.
class Script {
 public:
  Script(uint64_t count, uint64_t key_count, std::mt19937_64& random)
      : keys_(count + 1), next_(count + 1, UINT64_MAX) {
    std::unordered_map<uint64_t, uint64_t> last;
    for (uint64_t i = 1; i <= count; ++i) {
      keys_[i] = random() % key_count;
      const auto [found, inserted] = last.try_emplace(keys_[i], i);
      if (!inserted) {
        next_[found->second] = i;
        found->second = i;
      }
    }
  }

  uint64_t count() const { return keys_.size() - 1; }
  std::string Key(uint64_t i) const { return "key" + std::to_string(keys_[i]); }
  std::string Value(uint64_t i) const {
    return Tombstone(i) ? "" : std::string(i % 50, 'a' + i % 26);
  }
  static bool Tombstone(uint64_t i) { return i % 5 == 0; }

  // The newest record of the key of record `i`, at or below `max_sequence`.
  uint64_t Newest(uint64_t i, uint64_t max_sequence) const {
    while (next_[i] <= max_sequence) i = next_[i];
    return i;
  }

 private:
  std::vector<uint64_t> keys_;
  std::vector<uint64_t> next_;  // next record of the same key
};

// A memtable being written according to a script.
class Scene {
 public:
  Scene(uint64_t count, uint64_t key_count, uint64_t seed)
      : random_(seed), script_(count, key_count, random_) {
    auto memtable = TestMemtable::Create(uint64_t{128} << 20);
    QUIRE_CHECK(memtable.ok());
    memtable_ = *std::move(memtable);
  }

  // Writes the script, publishing every few records as a group commit does,
  // while `read` runs again and again on other threads with the sequence number
  // published and a source of random numbers.
  template <typename Read>
  void Run(Read read) {
    std::vector<std::thread> readers;
    for (int i = 0; i < kReaders; ++i) {
      readers.emplace_back([this, read, seed = random_()] {
        std::mt19937_64 random(seed);
        uint64_t published = 0;
        while (published < script_.count() && !::testing::Test::HasFailure()) {
          published = published_.load(std::memory_order_acquire);
          if (published > 0) read(*this, published, random);
        }
      });
    }
    for (uint64_t i = 1; i <= script_.count(); ++i) {
      if (Script::Tombstone(i)) {
        memtable_->Delete(script_.Key(i), i);
      } else {
        memtable_->Put(script_.Key(i), script_.Value(i), i);
      }
      if (i % 7 == 0 || i == script_.count()) {
        published_.store(i, std::memory_order_release);
      }
    }
    for (std::thread& reader : readers) reader.join();
  }

  const Script& script() const { return script_; }
  const TestMemtable& memtable() const { return *memtable_; }

 private:
  std::mt19937_64 random_;
  const Script script_;
  std::unique_ptr<TestMemtable> memtable_;
  std::atomic<uint64_t> published_{0};
};

void ExpectIsRecord(const MemoryRecord& record, const Script& script,
                    uint64_t i) {
  ASSERT_TRUE(record) << i;
  ASSERT_EQ(record.sequence(), i);
  ASSERT_EQ(record.key(), script.Key(i));
  ASSERT_EQ(record.value(), script.Value(i));
  ASSERT_EQ(record.tombstone(), Script::Tombstone(i));
}

// Reads the newest visible version of a key, an old one, and an absent key.
void FindSome(const Scene& scene, uint64_t published, std::mt19937_64& random) {
  const Script& script = scene.script();
  const uint64_t i = 1 + random() % published;
  const std::string key = script.Key(i);
  ASSERT_NO_FATAL_FAILURE(ExpectIsRecord(scene.memtable().Find(key, published),
                                         script, script.Newest(i, published)));
  const uint64_t earlier = i + random() % (published - i + 1);
  ASSERT_NO_FATAL_FAILURE(ExpectIsRecord(scene.memtable().Find(key, earlier),
                                         script, script.Newest(i, earlier)));
  ASSERT_FALSE(scene.memtable().Find(key + "x", published));
}

// Walks over everything: all that is published is there, in order.
void WalkAll(const Scene& scene, uint64_t published, std::mt19937_64&) {
  const auto cursor = scene.memtable().memtable().NewCursor();
  uint64_t seen = 0;
  std::string last_key;
  uint64_t last_sequence = kMaxSequence;
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    const std::string key(cursor->key());
    ASSERT_TRUE(key > last_key ||
                (key == last_key && cursor->sequence() < last_sequence));
    last_key = key;
    last_sequence = cursor->sequence();
    ASSERT_NO_FATAL_FAILURE(ExpectIsRecord(MemoryRecord(cursor->place().memory),
                                           scene.script(), last_sequence));
    if (last_sequence <= published) ++seen;
  }
  ASSERT_EQ(seen, published);
}

TEST(MemtableConcurrencyTest, ReadersSeeExactlyWhatIsPublished) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  Scene scene(50000, 50, seed);
  scene.Run(&FindSome);
}

TEST(MemtableConcurrencyTest, ReadersSeeEverythingWhileTheIndexGrows) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  Scene scene(150000, 100000000, seed);
  scene.Run(&FindSome);
}

TEST(MemtableConcurrencyTest, CursorsShowAllThatIsPublishedInOrder) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  Scene scene(8000, 1500, seed);
  scene.Run(&WalkAll);
}

}  // namespace
}  // namespace quire::kv_internal
