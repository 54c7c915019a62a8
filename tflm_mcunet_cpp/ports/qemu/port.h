// What the harness needs from the machine below it: files, an exit, a counted call on the program's own
// stack.
#ifndef TFLM_MCUNET_CPP_PORTS_QEMU_PORT_H_
#define TFLM_MCUNET_CPP_PORTS_QEMU_PORT_H_

#include <stdint.h>

namespace tflm_mcunet_port {

// Files in the working directory of the emulator (or of the process, on the host). A handle below 0 is an
// error.
int OpenForReading(const char* name);
int OpenForWriting(const char* name);
bool Read(int file, void* bytes, uint32_t size);
bool Write(int file, const void* bytes, uint32_t size);
void Exit(int status);  // does not return

// Fills the program's stack with a pattern. Call once, before the first CallProgram.
void PaintProgramStack();

// Bytes from the top of the program's stack down to the lowest word that no longer holds the pattern.
uint32_t ProgramStackMark();

// Size of the program's stack; 0 where it is not ours to measure (host).
uint32_t ProgramStackSize();

// Calls `function` on the program's stack. `elapsed` is the executed instructions between two fixed points
// around the call, so the caller subtracts what a call of an empty function takes. Returns false when the
// counter overflowed.
bool CallProgram(int (*function)(), int* status, uint64_t* elapsed);

// A function of exactly one instruction (its return), to calibrate CallProgram. Null where nothing is counted
// (host).
extern int (*const kEmptyFunction)();

// Called by the fault handlers of the port; writes the report and ends the run. Defined by the harness.
void ReportFault(uint32_t cause, uint32_t pc, uint32_t address);

}  // namespace tflm_mcunet_port

#endif  // TFLM_MCUNET_CPP_PORTS_QEMU_PORT_H_
