// The databases of one data set, one for each store.
#ifndef QUIRE_BENCHMARKS_COMPARE_STORES_H_
#define QUIRE_BENCHMARKS_COMPARE_STORES_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmarks/compare/engine.h"
#include "benchmarks/compare/key_space.h"

namespace quire::benchmarks {

// A line of what is going on, on standard error.
void Say(const std::string& text);

// Makes databases below a directory, which it removes with all that is in it,
// before the first and at its end: nobody else may have anything there.
class Stores {
 public:
  // `keys` must outlive it.
  Stores(std::string root, const KeySpace& keys);
  ~Stores();
  Stores(const Stores&) = delete;
  Stores& operator=(const Stores&) = delete;

  const KeySpace& keys() const { return keys_; }
  // "." is the one that holds all of them.
  std::string DirectoryOf(std::string_view folder) const;

  enum class Then : uint8_t {
    kSettle,   // brought into the form that reads best
    kFinish,   // left as the load left it
    kFourRuns  // of Quire: a run of each quarter of the load
  };

  // Loads all keys in random order, in batches, into a new database in
  // `folder`, and closes it. Returns the seconds that its calls took until all
  // was durable and what was due in the background was done; what `then` does
  // beyond that isn't in it. A folder that was loaded before stays as it is,
  // with the seconds of then.
  absl::StatusOr<double> Load(const std::string& folder, OpenFunction create,
                              Then then);

  // Copies a database that is closed into a new folder.
  absl::Status Copy(const std::string& folder, const std::string& copy) const;

  // Removes a database, if it is there.
  void Remove(const std::string& folder);

  // Opens a database for reading, with memory for all of it.
  absl::StatusOr<std::unique_ptr<Engine>> Open(const std::string& folder,
                                               OpenFunction open) const;

  EngineOptions OptionsFor(const std::string& folder) const;

 private:
  void RemoveAll() const;

  const std::string root_;
  const KeySpace& keys_;
  std::map<std::string, double> loaded_;  // seconds, by folder
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_STORES_H_
