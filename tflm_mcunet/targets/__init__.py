"""Device profiles: SRAM banks, flash, core and clock, each with the document that says so."""

from tflm_mcunet.targets.target import CORES, Bank, Source, Target, as_target

__all__ = ["CORES", "Bank", "Source", "Target", "as_target"]
