"""What stock TFLite Micro does with a model: its memory, its offline plan, and the interpreter itself."""
