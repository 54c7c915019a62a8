// The neural network @NAME@. `model.h` has its functions, `loop.h` a main loop, `sample.h` what the loop asks you for.
#pragma once

@INCLUDE@#include "@NAME@/loop.h"
#include "@NAME@/model.h"
#include "@NAME@/pattern.h"
#include "@NAME@/sample.h"
