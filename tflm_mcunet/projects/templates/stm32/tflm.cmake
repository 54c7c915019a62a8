# TFLite Micro's sources, as its script create_tflm_tree.py lays them out; README.md says how.
if(NOT TFLM_DIR)
  set(TFLM_DIR "$ENV{TFLM_DIR}")
endif()
if(NOT EXISTS "${TFLM_DIR}/tensorflow/lite/micro/micro_interpreter.h" OR
   NOT EXISTS "${TFLM_DIR}/third_party/flatbuffers/include")
  message(FATAL_ERROR
    "No TFLite Micro in TFLM_DIR='${TFLM_DIR}'.\n"
    "Pass -DTFLM_DIR=... or set the environment variable; README.md says how to make that folder.")
endif()
file(GLOB_RECURSE TFLM_SOURCES CONFIGURE_DEPENDS "${TFLM_DIR}/tensorflow/*.cc")
list(FILTER TFLM_SOURCES EXCLUDE REGEX "_test\\.cc$|/(examples|testing|tools|python|benchmarks|integration_tests)/")
add_library(tflm STATIC ${TFLM_SOURCES})
target_include_directories(tflm SYSTEM PUBLIC ${TFLM_DIR} ${TFLM_DIR}/third_party/flatbuffers/include
  ${TFLM_DIR}/third_party/gemmlowp ${TFLM_DIR}/third_party/kissfft ${TFLM_DIR}/third_party/ruy)
target_compile_definitions(tflm PUBLIC TF_LITE_STATIC_MEMORY TF_LITE_STRIP_ERROR_STRINGS)
target_compile_options(tflm PRIVATE ${CPU} -w -fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-unwind-tables
  -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections)

