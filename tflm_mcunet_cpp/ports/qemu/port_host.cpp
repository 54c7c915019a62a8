// The port to the machine that compiles: files through the C library, no counter, the operating system's
// stack.
#include <stdio.h>
#include <stdlib.h>

#include "port.h"

namespace tflm_mcunet_port {

namespace {

FILE* files[4] = {nullptr, nullptr, nullptr, nullptr};
int open_files = 0;

int Open(const char* name, const char* mode) {
  FILE* const file = fopen(name, mode);
  if (file == nullptr || open_files == 4) return -1;
  setvbuf(file, nullptr, _IONBF, 0);  // what was written before a crash must be in the file
  files[open_files] = file;
  return open_files++;
}

}  // namespace

int (*const kEmptyFunction)() = nullptr;

int OpenForReading(const char* name) { return Open(name, "rb"); }
int OpenForWriting(const char* name) { return Open(name, "wb"); }
bool Read(int file, void* bytes, uint32_t size) { return fread(bytes, 1, size, files[file]) == size; }
bool Write(int file, const void* bytes, uint32_t size) { return fwrite(bytes, 1, size, files[file]) == size; }
void Exit(int status) { exit(status); }
void PaintProgramStack() {}
uint32_t ProgramStackMark() { return 0; }
uint32_t ProgramStackSize() { return 0; }

bool CallProgram(int (*function)(), int* status, uint64_t* elapsed) {
  *status = function();
  *elapsed = 0;
  return true;
}

}  // namespace tflm_mcunet_port
