// A plugin of QEMU that counts what a generated program executes: for every block of code and every operator
// of the program's table how often it ran, how often its last instruction jumped, and the cycles that
// misaligned accesses cost on a Cortex-M4. Compiled for the host by deploy/profile.py.
//
// Which operator runs is read off the memory traffic: the driver loads the operator's `params` field from the
// table before it calls the kernel, and nothing else does. So the program that is profiled is the very
// program that is measured. Code that the driver runs or calls without having loaded `params` (memcpy, for a
// row that is fed) is its own.
//
// Arguments: out=PATH, begin=, end= (code of the program; outside lies the harness), entry= (the call that is
// profiled), table=, stride=, field=, count= (the operators' table), driver_begin=, driver_end= (once for
// each function of the driver). Output, one line for each pair:
//   start end instructions operator executed jumped misaligned
// where `operator` is `count` for the driver.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_PUBLIC extern "C" __attribute__((visibility("default")))

// The part of QEMU's plugin interface, version 1, that is used here.
extern "C" {
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t qemu_plugin_id_t;
typedef void (*TranslationCallback)(qemu_plugin_id_t id, struct qemu_plugin_tb* block);
typedef void (*ExecutionCallback)(unsigned int cpu, void* data);
typedef void (*MemoryCallback)(unsigned int cpu, uint32_t information, uint64_t address, void* data);
typedef void (*ExitCallback)(qemu_plugin_id_t id, void* data);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, TranslationCallback callback);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb* block, ExecutionCallback callback, int flags,
                                          void* data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn* instruction, MemoryCallback callback,
                                      int flags, int accesses, void* data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, ExitCallback callback, void* data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* block, size_t index);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb* block);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn* instruction);
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn* instruction);
unsigned int qemu_plugin_mem_size_shift(uint32_t information);
bool qemu_plugin_mem_is_store(uint32_t information);
}

PORT_PUBLIC int qemu_plugin_version;
int qemu_plugin_version = 1;

namespace {

constexpr int kNoRegisters = 0;
constexpr int kReadsAndWrites = 3;

struct Counts {
  uint64_t executed;
  uint64_t jumped;
  uint64_t misaligned;
};

struct Block {
  uint64_t start;
  uint64_t end;
  uint64_t instructions;
  Counts* counts;  // by operator; nullptr outside the program
  bool is_driver;
  Block* next;
};

uint64_t code_begin, code_end, entry, table, stride, field, operator_count;
constexpr int kMostFunctions = 64;
uint64_t driver_begin[kMostFunctions], driver_end[kMostFunctions];
int driver_count;
bool is_riscv;
char output_path[4096];

Block* blocks;
bool is_active;
uint64_t current;  // the operator that runs
uint64_t next;     // the operator whose parameters were loaded since the driver runs
bool in_driver;
Block* last;  // the block that ran before, and the operator it was counted for
uint64_t last_operator;

void on_block(unsigned int, void* data) {
  Block* const block = static_cast<Block*>(data);
  if (last != nullptr && block->start != last->end) {
    ++last->counts[last_operator].jumped;
  }
  last = nullptr;
  if (block->counts == nullptr) {
    is_active = false;
    in_driver = false;
    return;
  }
  is_active = is_active || block->start == entry;
  if (!is_active) {
    return;
  }
  if (block->is_driver && !in_driver) {
    next = operator_count;
    current = operator_count;
  } else if (!block->is_driver && in_driver) {
    current = next;
  }
  in_driver = block->is_driver;
  ++block->counts[current].executed;
  last = block;
  last_operator = current;
}

void on_access(unsigned int, uint32_t information, uint64_t address, void* data) {
  const uint64_t size = static_cast<uint64_t>(1) << qemu_plugin_mem_size_shift(information);
  const uint64_t place = address - table;
  if (!qemu_plugin_mem_is_store(information) && place < stride * operator_count) {
    const uint64_t inside = place % stride;
    if (inside <= field && field < inside + size) {
      next = place / stride;
    }
  }
  if (is_active && (address & (size - 1)) != 0) {
    // A word at an even address moves as two half-words, at an odd one as three pieces.
    static_cast<Block*>(data)->counts[current].misaligned += size == 4 && (address & 1) != 0 ? 2 : 1;
  }
}

// QEMU's own size is too large where the translator has peeked at the instruction behind the block.
uint64_t instruction_size(const struct qemu_plugin_insn* instruction) {
  const uint8_t* const bytes = static_cast<const uint8_t*>(qemu_plugin_insn_data(instruction));
  const bool is_long = is_riscv ? (bytes[0] & 3) == 3 : bytes[1] >= 0xE8;
  return is_long ? 4 : 2;
}

void on_translation(qemu_plugin_id_t, struct qemu_plugin_tb* translated) {
  Block* const block = static_cast<Block*>(calloc(1, sizeof(Block)));
  const size_t instructions = qemu_plugin_tb_n_insns(translated);
  const struct qemu_plugin_insn* const final = qemu_plugin_tb_get_insn(translated, instructions - 1);
  block->start = qemu_plugin_tb_vaddr(translated);
  block->end = qemu_plugin_insn_vaddr(final) + instruction_size(final);
  block->instructions = instructions;
  qemu_plugin_register_vcpu_tb_exec_cb(translated, on_block, kNoRegisters, block);
  if (block->start < code_begin || block->start >= code_end) {
    return;
  }
  block->counts = static_cast<Counts*>(calloc(operator_count + 1, sizeof(Counts)));
  for (int i = 0; i < driver_count; ++i) {
    block->is_driver |= driver_begin[i] <= block->start && block->start < driver_end[i];
  }
  block->next = blocks;
  blocks = block;
  for (size_t i = 0; i < instructions; ++i) {
    qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(translated, i), on_access, kNoRegisters,
                                     kReadsAndWrites, block);
  }
}

void on_exit(qemu_plugin_id_t, void*) {
  FILE* const file = fopen(output_path, "w");
  if (file == nullptr) {
    return;
  }
  for (const Block* block = blocks; block != nullptr; block = block->next) {
    for (uint64_t i = 0; i <= operator_count; ++i) {
      const Counts& counts = block->counts[i];
      const unsigned long long line[] = {block->start,    block->end,    block->instructions, i,
                                         counts.executed, counts.jumped, counts.misaligned};
      if (counts.executed != 0) {
        fprintf(file, "%llu %llu %llu %llu %llu %llu %llu\n", line[0], line[1], line[2], line[3], line[4],
                line[5], line[6]);
      }
    }
  }
  fclose(file);
}

bool take(const char* argument, const char* name, uint64_t* value) {
  const size_t length = strlen(name);
  if (strncmp(argument, name, length) != 0 || argument[length] != '=') {
    return false;
  }
  *value = strtoull(argument + length + 1, nullptr, 0);
  return true;
}

}  // namespace

PORT_PUBLIC int qemu_plugin_install(qemu_plugin_id_t id, const void* information, int argc, char** argv) {
  // The first member of the structure is the target's name.
  is_riscv = strncmp(*static_cast<const char* const*>(information), "riscv", 5) == 0;
  for (int i = 0; i < argc; ++i) {
    const char* const given = argv[i];
    if (strncmp(given, "out=", 4) == 0 && strlen(given + 4) < sizeof(output_path)) {
      strcpy(output_path, given + 4);
    } else if (driver_count < kMostFunctions && take(given, "driver_begin", &driver_begin[driver_count])) {
      continue;
    } else if (driver_count < kMostFunctions && take(given, "driver_end", &driver_end[driver_count])) {
      ++driver_count;
    } else if (!take(given, "begin", &code_begin) && !take(given, "end", &code_end) &&
               !take(given, "entry", &entry) && !take(given, "table", &table) &&
               !take(given, "stride", &stride) && !take(given, "field", &field) &&
               !take(given, "count", &operator_count)) {
      return 1;
    }
  }
  if (output_path[0] == 0 || stride == 0) {
    return 1;
  }
  current = next = operator_count;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  qemu_plugin_register_atexit_cb(id, on_exit, nullptr);
  return 0;
}
