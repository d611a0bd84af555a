// The whole sweep of damage as a torture programme.
#ifndef QUIRE_TESTS_DAMAGE_DAMAGE_PROGRAMME_H_
#define QUIRE_TESTS_DAMAGE_DAMAGE_PROGRAMME_H_

#include "tests/torture/programme.h"

namespace quire::testing {

// All images of all kinds of damage, opened read-only in the four read modes
// and for writing. A seed is every 128th image in one of these five ways, of a
// database of its own, whose files have the sizes of every other's; all seeds
// are the whole list in each way.
torture::Programme DamageProgramme();

}  // namespace quire::testing

#endif  // QUIRE_TESTS_DAMAGE_DAMAGE_PROGRAMME_H_
