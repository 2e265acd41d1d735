#!/usr/bin/env python3
"""A job: it runs in the image's Python and imports the image's module."""

import sys

from analysis import mean

sys.stdout.write(f"{sys.prefix} {sys.version_info[0]}.{sys.version_info[1]} {mean([1, 2, 6])}\n")
