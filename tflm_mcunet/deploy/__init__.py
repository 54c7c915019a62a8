"""Building, running and measuring generated programs: on this machine and on emulated boards."""
