"""Instructions, modelled cycles, SRAM and flash of models on emulated cores, beside what others reach."""
