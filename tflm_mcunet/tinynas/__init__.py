"""Neural architecture search under a microcontroller's memory, hosted in Keras Tuner."""
