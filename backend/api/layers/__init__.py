"""What stands around every route, outermost first: overload, following, proxies, card numbers, rates, bodies, keys."""
