// Quire in its four read modes.

#ifndef QUIRE_TESTS_TORTURE_FAULTS_QUIRE_SUBJECTS_H_
#define QUIRE_TESTS_TORTURE_FAULTS_QUIRE_SUBJECTS_H_

#include <vector>

#include "tests/torture/faults/store.h"

namespace quire::torture {

std::vector<Subject> QuireSubjects();

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_FAULTS_QUIRE_SUBJECTS_H_
