"""`python -m tflm_mcunet`: the command line."""

import sys

from tflm_mcunet.cli import main

sys.exit(main())
