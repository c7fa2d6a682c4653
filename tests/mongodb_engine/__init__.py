"""MongoDB's own engine for the tests of the MongoDB store, without a server to install or look after.

``python -m tests.mongodb_engine.install`` fetches it; ``engine`` finds and runs it; ``fixtures`` is the pytest
plugin. It is the server's query, catalog and storage code (WiredTiger, journal and all) in a Node.js process, so what a
test learns about documents, indexes, durability and contention is MongoDB's answer. It is a standalone: it says
nothing about elections, sessions, transactions, change streams, authentication or TLS.
"""
