"""Tests of the frame reader. They need nothing but Python and /dev/shm."""
