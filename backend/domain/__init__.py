"""The rules of money and orders: pure functions and frozen values, standard library only, no I/O and no clock."""
