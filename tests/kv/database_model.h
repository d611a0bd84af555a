// What a database should hold, as a map, and what it does hold.
#ifndef QUIRE_TESTS_KV_DATABASE_MODEL_H_
#define QUIRE_TESTS_KV_DATABASE_MODEL_H_

#include <map>
#include <string>

#include "kv/db.h"

namespace quire::testing {

using Model = std::map<std::string, std::string>;

// All that `db` holds, or held when `snapshot` was taken: as an iterator has
// it, and each key by Get too. Fails the test where something can't be read.
Model Dump(DB& db, const Snapshot* snapshot = nullptr);

// Overwrites `keys` keys with values of 500 B that tell the round, and deletes
// a seventh of them, each round another. Fails the test at an error.
void OverwriteAndDelete(DB& db, int keys, int round, Model& model);

}  // namespace quire::testing

#endif  // QUIRE_TESTS_KV_DATABASE_MODEL_H_
