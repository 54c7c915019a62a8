"""What projects have more where TFLite Micro runs the model: words for its README and lines for its build files."""

from __future__ import annotations

from tflm_mcunet.projects.project import TFLM, Model
from tflm_mcunet.projects.templates import filled

#: TFLite Micro in Arduino's Library Manager: its name there, its header, and where it is developed.
ARDUINO_LIBRARY = "Chirale_TensorFLowLite"
ARDUINO_HEADER = "Chirale_TensorFlowLite.h"
ARDUINO_REPOSITORY = "https://github.com/spaziochirale/Chirale_TensorFlowLite.git#v2.0.0"

#: TFLite Micro in the registry of ESP-IDF's components, the ESP-IDF that it wants, and the same for our program.
ESP_COMPONENT = 'espressif/esp-tflite-micro: ">=1.3.3"'
ESP_IDF, PLAIN_ESP_IDF = "5.1", "5.0"

#: The version of C++: TFLite Micro's headers, and ours.
STANDARD, PLAIN_STANDARD = "17", "14"


def if_interpreted(model: Model, template: str, **values: str) -> str:
    """A filled template where TFLite Micro runs the model, else nothing."""
    if model.engine != TFLM:
        return ""
    known = {"ARENA": f"{model.arena_bytes:,}", "OPERATORS": str(model.operators)}
    return filled(template, known | {"FACTS": filled("tflm.md", known)} | values)


def choice(model: Model, interpreted: str, otherwise: str = "") -> str:
    """One of two texts, by what runs the model."""
    return interpreted if model.engine == TFLM else otherwise
