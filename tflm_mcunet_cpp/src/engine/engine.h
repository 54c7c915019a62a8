// Runs a Program: no heap, no recursion, no interpreter.
#ifndef TFLM_MCUNET_ENGINE_ENGINE_H_
#define TFLM_MCUNET_ENGINE_ENGINE_H_

#include "program.h"

namespace tflm_mcunet {

// Runs every stage once. The program's inputs must be in place; its outputs are in place afterwards.
void run_program(const Program& program, const Workspace& workspace);

// Runs a program that is fed by rows: `begin_feeding` once for each inference, then `feed_row` with each row
// of the input from the top, as often over as there are fed stages. The last row runs the program to its end;
// a row too many is not read.
void begin_feeding(const Program& program, const Workspace& workspace);
void feed_row(const Program& program, const Workspace& workspace, const void* row);

}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_ENGINE_ENGINE_H_
