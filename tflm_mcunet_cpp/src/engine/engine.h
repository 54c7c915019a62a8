// Runs a Program: no heap, no recursion, no interpreter.
#ifndef TFLM_MCUNET_ENGINE_ENGINE_H_
#define TFLM_MCUNET_ENGINE_ENGINE_H_

#include "program.h"

namespace tflm_mcunet {

// Runs every stage once. The program's inputs must lie in the arena; its outputs are there afterwards.
void run_program(const Program& program, const Workspace& workspace);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_ENGINE_ENGINE_H_
