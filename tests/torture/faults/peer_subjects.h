// LevelDB, RocksDB, LMDB and SQLite as their users have them.

#ifndef QUIRE_TESTS_TORTURE_FAULTS_PEER_SUBJECTS_H_
#define QUIRE_TESTS_TORTURE_FAULTS_PEER_SUBJECTS_H_

#include <vector>

#include "tests/torture/faults/store.h"

namespace quire::torture {

// Defaults, and with all checks on.
std::vector<Subject> LevelDbSubjects();

// Defaults, and with mapped tables.
std::vector<Subject> RocksDbSubjects();

std::vector<Subject> LmdbSubjects();

// With a write-ahead log, and with a rollback journal; synchronous=FULL.
std::vector<Subject> SqliteSubjects();

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_FAULTS_PEER_SUBJECTS_H_
