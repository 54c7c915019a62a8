"""Reading, checking and writing `.tflite` files: the only floor that knows the flatbuffer schema."""

from tflm_mcunet.tflite.containers import metadata, with_metadata, without_metadata
from tflm_mcunet.tflite.pruning import prune
from tflm_mcunet.tflite.reader import read
from tflm_mcunet.tflite.verifier import verify
from tflm_mcunet.tflite.writer import write

__all__ = ["metadata", "prune", "read", "verify", "with_metadata", "without_metadata", "write"]
