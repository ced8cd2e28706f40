"""What virtualization costs: identical jobs on bare metal, in containers, in guests and in nested guests."""

__version__ = "0.1.0"
