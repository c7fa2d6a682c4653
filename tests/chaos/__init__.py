"""Everything at once, with real processes: load from outside, kills, pauses, a full disk, clocks that are wrong.

``make chaos`` runs it; ``test_chaos.py`` runs it shortly. ``auditor.py`` says afterwards what was lost, doubled or
left unresolved; it shares no code with the program.
"""
