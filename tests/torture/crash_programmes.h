// Power cuts and deaths of the process, at every moment of a database's life.
#ifndef QUIRE_TESTS_TORTURE_CRASH_PROGRAMMES_H_
#define QUIRE_TESTS_TORTURE_CRASH_PROGRAMMES_H_

#include "tests/torture/programme.h"

namespace quire::torture {

// All sequences of one to three steps, over a new database and over an old one;
// each boundary of the last step's operations x all tearings x both namings.
Programme CrashSequences();

// Longer lives at random; some tearings at each boundary.
Programme CrashLives();

// As CrashLives; then up to three more crashes, or operations that fail, while
// the database is being opened.
Programme CrashRecoveries();

// A bit flips in a log that was synced, and that nobody closed: each byte. The
// database is refused, or nothing that was durable is missing.
Programme RottenLogs();

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_CRASH_PROGRAMMES_H_
