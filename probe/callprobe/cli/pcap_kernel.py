"""``callprobe pcap build-kernel``: compile the part that counts the packets of large captures."""

import click

from callprobe.cli.errors import WrongInputError


@click.command("build-kernel")
def build_kernel_command() -> None:
    """Build the C kernel that reads large captures fastest; needs a C compiler, nothing else.

    Without it the same figures come more slowly. It is built for this machine and kept in the probe's folder.
    """
    from callprobe.pcap.streams.kernel import KernelError, build

    try:
        path = build()
    except KernelError as error:
        raise WrongInputError(str(error)) from error
    click.echo(f"built: {path}")
