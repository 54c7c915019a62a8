// The few functions that a bare-metal C library expects from its system. They count as part of the program.

extern "C" {

#if defined(__arm__)
// newlib's own errno lives in a reentrancy structure of 1 KiB; one word is all that a program of one thread
// needs.
int* __errno() {
  static int error_number = 0;
  return &error_number;
}

// Named by libgcc's division routines for stack unwinding, which a program without exceptions never does.
void __aeabi_unwind_cpp_pr0() {}
void __aeabi_unwind_cpp_pr1() {}
void __aeabi_unwind_cpp_pr2() {}
#endif

// Ends in the fault handler of the port, which reports the address of the caller's trap.
#if defined(__XTENSA__)
// The compiler's trap is a call of abort() itself.
[[noreturn]] void abort() {
  for (;;) {
    asm volatile("ill");
  }
}
#else
[[noreturn]] void abort() { __builtin_trap(); }
#endif
}
