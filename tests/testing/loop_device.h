// Loop devices for tests that need a block device.

#ifndef QUIRE_TESTS_TESTING_LOOP_DEVICE_H_
#define QUIRE_TESTS_TESTING_LOOP_DEVICE_H_

#include <string>

namespace quire::testing {

// Attaches the file `image` to a free loop device, which lets go of it once it
// is unused. Returns an open descriptor of the device and its name, or -1 with
// errno: it needs root. The file must be there.
int AttachLoopDevice(const std::string& image, std::string& device);

}  // namespace quire::testing

#endif  // QUIRE_TESTS_TESTING_LOOP_DEVICE_H_
