// What the code generator writes for a program, here by hand: two inputs of bytes whose sums are the output.
#ifndef TFLM_MCUNET_TESTS_CPP_PORTS_MODEL_MODEL_H_
#define TFLM_MCUNET_TESTS_CPP_PORTS_MODEL_MODEL_H_

extern "C" {
int model_init(void);
int model_invoke(void);
void* model_input(int index);
void* model_output(int index);
}

#define MODEL_INPUT_COUNT 2
#define MODEL_OUTPUT_COUNT 1
#define MODEL_INPUT_BYTES {8, 8}
#define MODEL_OUTPUT_BYTES {8}
#define MODEL_ARENA_BYTES 24
#define MODEL_MACS 16

#endif  // TFLM_MCUNET_TESTS_CPP_PORTS_MODEL_MODEL_H_
