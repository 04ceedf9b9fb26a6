"""Products that take most of the time, and the threads they run on."""
