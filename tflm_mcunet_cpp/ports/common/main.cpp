#include "loop.h"

int main() {
  if (!device_loop::begin()) {
    return 1;
  }
  for (;;) {
    device_loop::turn();
  }
}
