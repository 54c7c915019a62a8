// Semihosting of Xtensa simulators, behind the interface of Arm's and RISC-V's that port_board.cpp calls.
#include <stdint.h>

extern "C" {
uint32_t port_simcall(uint32_t call, uint32_t a, uint32_t b, uint32_t c);
uint32_t port_semihosting(uint32_t operation, uintptr_t argument);
}

namespace {

enum Operation : uint32_t { kSysOpen = 0x01, kSysWrite = 0x05, kSysRead = 0x06 };
enum Call : uint32_t { kExit = 1, kRead = 3, kWrite = 4, kOpen = 5 };
constexpr uint32_t kModeReadBinary = 1;
constexpr uint32_t kExitSuccess = 0x20026;
constexpr uint32_t kReadOnly = 0;
constexpr uint32_t kWriteCreateTruncate = 0x0001 | 0x0040 | 0x0200;  // as Linux numbers them
constexpr uint32_t kPermissions = 0644;

// Bytes that were not transferred: a call may end early.
uint32_t Transfer(uint32_t call, uint32_t file, uint32_t address, uint32_t size) {
  while (size != 0) {
    const int32_t done = static_cast<int32_t>(port_simcall(call, file, address, size));
    if (done <= 0) break;
    address += static_cast<uint32_t>(done);
    size -= static_cast<uint32_t>(done);
  }
  return size;
}

}  // namespace

uint32_t port_semihosting(uint32_t operation, uintptr_t argument) {
  const uintptr_t* const block = reinterpret_cast<const uintptr_t*>(argument);
  switch (operation) {
    case kSysOpen: {
      const uint32_t flags = block[1] == kModeReadBinary ? kReadOnly : kWriteCreateTruncate;
      return port_simcall(kOpen, block[0], flags, kPermissions);
    }
    case kSysWrite:
      return Transfer(kWrite, block[0], block[1], block[2]);
    case kSysRead:
      return Transfer(kRead, block[0], block[1], block[2]);
    default:
      return port_simcall(kExit, argument == kExitSuccess ? 0 : 1, 0, 0);
  }
}
