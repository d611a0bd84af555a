#include "tests/testing/loop_device.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/check.h"

namespace quire::testing {

int AttachLoopDevice(const std::string& image, std::string& device) {
  const int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) return -1;
  const int file = open(image.c_str(), O_RDWR | O_CLOEXEC);
  QUIRE_CHECK(file >= 0);
  int loop = -1;
  // Between asking for a free device and taking it another process may.
  for (int attempt = 0; attempt < 20 && loop < 0; ++attempt) {
    const int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0) break;
    device = "/dev/loop" + std::to_string(number);
    loop = open(device.c_str(), O_RDWR | O_CLOEXEC);
    if (loop < 0) break;
    loop_config config = {};
    config.fd = static_cast<uint32_t>(file);
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (ioctl(loop, LOOP_CONFIGURE, &config) == 0) break;
    close(loop);
    loop = -1;
  }
  const int error = errno;
  close(file);
  close(control);
  errno = error;
  return loop;
}

}  // namespace quire::testing
