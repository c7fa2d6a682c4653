"""Do the tests notice when the program is changed? mutmut changes it, a bit at a time; ``make mutation`` counts."""
