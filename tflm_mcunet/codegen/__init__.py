"""Schedule -> interpreter-free C++ program."""
