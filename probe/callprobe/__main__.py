"""``python -m callprobe``."""

from callprobe.cli.main import main

main(prog_name="callprobe")
