// A store under faults, seen through its public API.

#ifndef QUIRE_TESTS_TORTURE_FAULTS_STORE_H_
#define QUIRE_TESTS_TORTURE_FAULTS_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace quire::torture {

using Entries = std::vector<std::pair<std::string, std::string>>;

enum class Found : uint8_t { kValue, kAbsent, kError };

// An open store. Calls that fail return what the store said; "" is success.
class Store {
 public:
  virtual ~Store() = default;  // closes it

  // Writes the entries in one batch that is durable on return.
  virtual std::string Write(const Entries& entries) = 0;

  virtual Found Get(const std::string& key, std::string* value) = 0;

  // Brings all that was written from the log into data files, where there is a
  // difference.
  virtual std::string Settle() = 0;
};

// A store in one of its configurations: how it is opened, and which of its
// files are which by the ends of their names.
struct Subject {
  std::string name;
  // Opens, or makes, the store in the existing directory. Null, with what the
  // store said, if it refuses.
  std::function<std::unique_ptr<Store>(const std::string& directory,
                                       std::string* error)>
      open;
  std::string log;    // empty: it has none that outlives a write
  std::string data;   // where values are once it is settled
  std::string index;  // empty: none apart from the data
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_FAULTS_STORE_H_
