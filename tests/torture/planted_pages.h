// Bytes that change while they are being read.
#ifndef QUIRE_TESTS_TORTURE_PLANTED_PAGES_H_
#define QUIRE_TESTS_TORTURE_PLANTED_PAGES_H_

#include "tests/torture/programme.h"

namespace quire::torture {

// A database of some runs is read under mmap, in every way; a byte of what the
// nth touch is of changes in the file right before that touch, for n from 1
// until there are no more touches. What was verified at an earlier touch is
// other bytes then. Any answer but an error is the right one.
Programme ChangingPages();

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_PLANTED_PAGES_H_
