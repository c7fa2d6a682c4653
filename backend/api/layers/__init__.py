"""What stands around every route, outermost first: overload, following, proxies, card
numbers, origins, rates, bodies, keys, and the direct way to what is asked most."""
