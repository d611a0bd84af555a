// What a database should hold, and comparing it with what it says.

#ifndef QUIRE_TESTS_KV_METAMORPHIC_MODEL_H_
#define QUIRE_TESTS_KV_METAMORPHIC_MODEL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "kv/db.h"
#include "kv/iterator.h"
#include "kv/options.h"

namespace quire::testing {

// Random numbers that follow from a seed.
class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}

  // From 0 to `bound` - 1. REQUIRES: bound > 0.
  uint64_t Below(uint64_t bound) { return engine_() % bound; }

  bool OneIn(uint64_t n) { return Below(n) == 0; }

  template <typename T>
  T OneOf(const std::vector<T>& choices) {
    return choices[Below(choices.size())];
  }

 private:
  std::mt19937_64 engine_;
};

// Keys and values in key order. Values are views of RandomValue's bytes, so
// copies, of which each snapshot needs one, are cheap.
using State = std::map<std::string, std::string_view>;

// Bytes that live as long as the process: mostly some hundred, now and then
// none, some hundred KiB or a few MiB.
std::string_view RandomValue(Dice& dice);

// At most 300 bytes.
std::string_view RandomSmallValue(Dice& dice);

// The keys of one life: with shared prefixes, empty, binary, very long.
class KeyPool {
 public:
  explicit KeyPool(Dice& dice);

  const std::vector<std::string>& keys() const { return keys_; }

  // One of the keys, a few of them far more often than others.
  const std::string& Any(Dice& dice) const;

  // One of the keys or, now and then, one that is never written.
  std::string AnyOrAbsent(Dice& dice) const;

  // The beginning of one of the keys, or all of it.
  std::string SomePrefix(Dice& dice) const;

 private:
  std::vector<std::string> keys_;
};

// Options of an iterator with random bounds, prefix and keys_only.
ReadOptions RandomRange(const KeyPool& pool, Dice& dice);

// Options of a database, which may be missing: any of the read modes, small
// caches and memtables, few descriptors, little memory for the index.
Options RandomOptions(Dice& dice);

// An iterator together with where it should be. Each move fails the test if the
// two come to differ.
class CheckedIterator {
 public:
  // The part of `state` that `options` let an iterator see is what it should
  // give, whatever is written later.
  CheckedIterator(DB& db, const ReadOptions& options, const State& state);
  CheckedIterator(const CheckedIterator&) = delete;
  CheckedIterator& operator=(const CheckedIterator&) = delete;

  // One random move.
  void Move(const KeyPool& pool, Dice& dice);

  // From one end to the other.
  void ReadForward();
  void ReadBackward();

 private:
  void SeekToFirst();
  void SeekToLast();
  void Seek(const std::string& target);
  void SeekForPrev(const std::string& target);
  void Next();
  void Prev();
  void Compare();

  const bool keys_only_;
  State state_;
  State::const_iterator at_;  // end() where it isn't valid
  std::unique_ptr<Iterator> iterator_;
};

// Fails the test unless `status` and `value` are what reading `key` should
// give.
void ExpectRead(const State& state, const std::string& key,
                const absl::Status& status, std::string_view value);

// Reads one key by Get and compares.
void ExpectGet(DB& db, const ReadOptions& options, const State& state,
               const std::string& key);

// Reads some keys, which may be equal, by MultiGet and compares.
void ExpectMultiGet(DB& db, const ReadOptions& options, const State& state,
                    const std::vector<std::string>& keys);

// Reads all that there is, both by the order and by the keys.
void ExpectState(DB& db, const ReadOptions& options, const State& state,
                 const KeyPool& pool);

}  // namespace quire::testing

#endif  // QUIRE_TESTS_KV_METAMORPHIC_MODEL_H_
