"""Policy, decision core and truth log of the emulated censor; pure."""
