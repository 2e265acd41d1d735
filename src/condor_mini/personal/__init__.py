"""The personal pool of ``./run``, its caller and its state directory."""
